"""From requests to batches: rendering documents, writing intents and their exact bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.domain import batching, strict_json, transaction_data
from shared.domain.batching import BatchKey, Envelope, RenderedDocument
from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.statuses import BatchState, FailureCategory
from shared.jobs.leasing import Leases
from shared.jobs.storage import Store

TOO_LARGE = Failure(
    FailureCategory.SUBMISSION,
    "DOCUMENT_TOO_LARGE",
    "The document is too large for Thunderhead (10 MB per call) even alone.",
)
UNUSABLE_CONTENT = Failure(
    FailureCategory.SUBMISSION,
    "CONTENT_UNUSABLE",
    "The content of this request cannot be written as transaction data.",
)

_CONTENTS_PER_READ = 50
"""A content may have a mebibyte; this many are in memory beside what was made of them."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch with everything that is needed to send it."""

    batch: Batch
    requests: tuple[DocumentRequest, ...]
    """In the order of the payload."""
    payload: bytes = b""
    """Empty where the batch is only looked up."""

    @property
    def request_ids(self) -> tuple[UUID, ...]:
        """The documents of the batch, in the order of the payload."""
        return tuple(request.request_id for request in self.requests)

    @property
    def traceparent(self) -> str:
        """The trace under which the batch is submitted: its first document's."""
        return self.requests[0].traceparent


@dataclass(frozen=True, slots=True)
class Unsendable:
    """A request that no batch can hold."""

    request: DocumentRequest
    failure: Failure


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes parcels: new ones from requests, old ones again, byte for byte."""

    store: Store
    leases: Leases
    max_documents: int
    project_id: str | None
    data_type: str

    def parcels(
        self, key: BatchKey, requests: Sequence[DocumentRequest], owner: UUID
    ) -> Iterator[Parcel | Unsendable]:
        """Make new batches of requests that share a configuration.

        Yields parcels within the limits of Thunderhead, then each request that cannot be sent.
        """
        step = min(self.max_documents, batching.MAX_DOCUMENTS)
        capacity = batching.capacity(self._envelope(key, self.leases.clock()))
        by_id = {request.request_id: request for request in requests}
        unsendable: list[Unsendable] = []

        def sendable() -> Iterator[RenderedDocument]:
            for request in requests:
                document = rendered.get(request.request_id)
                if document is None:
                    unsendable.append(Unsendable(request, UNUSABLE_CONTENT))
                elif len(document.text) > capacity:
                    unsendable.append(Unsendable(request, TOO_LARGE))
                else:
                    yield document

        rendered = self._render(requests, self.data_type)
        for documents in batching.chunk(sendable(), step, capacity):
            ordered = sorted(documents, key=lambda document: document.request_id.int)
            members = tuple(by_id[document.request_id] for document in ordered)
            yield self._parcel(key, members, ordered, owner)
        yield from unsendable

    def again(self, batch: Batch, requests: Sequence[DocumentRequest]) -> Parcel | None:
        """Make the parcel of an intent again; None if it is not the same, byte for byte."""
        rendered = self._render(requests, batch.transaction_data_type)
        payload = batching.payload(_envelope_of(batch), rendered.values())
        if batching.digest(payload) != batch.payload_digest:
            return None
        return Parcel(batch, tuple(requests), payload)

    def successor(self, parent: Batch, requests: Sequence[DocumentRequest]) -> Parcel:
        """Make a batch, under a reference of its own, of some documents of a dissolved one.

        They fit: they were part of a batch that did.
        """
        key = BatchKey(parent.batch_config_id, parent.properties)
        rendered = self._render(requests, self.data_type)
        return self._parcel(key, tuple(requests), list(rendered.values()), self.leases.new_id())

    def _render(
        self, requests: Sequence[DocumentRequest], data_type: str
    ) -> dict[UUID, RenderedDocument]:
        """Render documents, in order; leaves out those whose content cannot be."""
        rendered: dict[UUID, RenderedDocument] = {}
        for start in range(0, len(requests), _CONTENTS_PER_READ):
            some = requests[start : start + _CONTENTS_PER_READ]
            ids = [request.request_id for request in some]
            contents = self.store.read(lambda tx: tx.requests.contents(ids))  # noqa: B023
            for request in some:
                try:
                    content = strict_json.stored(contents[request.request_id])
                    data = transaction_data.render(request, content, data_type)
                except (KeyError, ValueError):
                    # Accepted by an earlier version, or gone: it must not stop the others.
                    continue
                document = RenderedDocument.of(request.request_id, data)
                rendered[request.request_id] = document
        return rendered

    def _parcel(
        self,
        key: BatchKey,
        requests: tuple[DocumentRequest, ...],
        documents: Sequence[RenderedDocument],
        owner: UUID,
    ) -> Parcel:
        now = self.leases.clock()
        envelope = self._envelope(key, now)
        payload = batching.payload(envelope, documents)
        batch = Batch(
            batch_id=UUID(envelope.client_reference),
            state=BatchState.SUBMITTING,
            version=1,
            batch_name=envelope.batch_name,
            batch_config_id=envelope.batch_config_id,
            project_id=envelope.project_id,
            transaction_data_type=envelope.transaction_data_type,
            properties=envelope.properties,
            payload_digest=batching.digest(payload),
            document_count=len(requests),
            created_at=now,
            in_flight=True,
            last_send_at=now,
            lease_owner=owner,
            leased_until=self.leases.until(),
        )
        return Parcel(batch, requests, payload)

    def _envelope(self, key: BatchKey, now: datetime) -> Envelope:
        """Return the envelope of a new batch, under a reference of its own."""
        reference = str(self.leases.new_id())
        return Envelope(
            client_reference=reference,
            # For people who look for it in Thunderhead: when, and how its reference begins.
            batch_name=f"OMS-{now:%Y%m%dT%H%M%S}-{reference[:8]}",
            batch_config_id=key.batch_config_id,
            project_id=self.project_id,
            transaction_data_type=self.data_type,
            properties=key.properties,
        )


def _envelope_of(batch: Batch) -> Envelope:
    return Envelope(
        client_reference=batch.client_reference,
        batch_name=batch.batch_name,
        batch_config_id=batch.batch_config_id,
        project_id=batch.project_id,
        transaction_data_type=batch.transaction_data_type,
        properties=batch.properties,
    )
