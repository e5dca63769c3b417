"""Whether the document of a failed request exists after all: asked before it is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest
from shared.domain.thunderhead import (
    CallFailed,
    DocumentReport,
    DocumentStatus,
    Found,
    NotVisible,
)
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs.ports import Thunderhead
from shared.jobs.storage import Store, Transaction


@dataclass(frozen=True, slots=True)
class EarlierDocuments:
    """Reads the batch that carried a request before."""

    store: Store
    thunderhead: Thunderhead
    clock: Clock
    lookup_supported: bool

    def require_none(self, request: DocumentRequest) -> None:
        """Make sure that the request's document was not generated, and will not be.

        Raises ActionRefused: ALREADY_GENERATED (noted in the request's row, with its outputs),
        STILL_GENERATING, or THUNDERHEAD_UNAVAILABLE where it gave no usable answer.
        """
        batch = self._batch_of(request)
        if batch is None:
            return
        vendor_id = batch.thunderhead_batch_id or self._looked_up(batch, request)
        if vendor_id is None:
            return
        report = self._report(vendor_id, request)
        if report is None or report.status in (DocumentStatus.FAILED, DocumentStatus.STOPPED):
            return
        if report.status is DocumentStatus.PENDING:
            raise ActionRefused(
                "STILL_GENERATING", "Thunderhead has not ended with this document yet."
            )
        found, now = {request.request_id: report}, self.clock()
        self.store.write(lambda tx: note_generated_late(tx, batch.batch_id, found, now))
        raise already_generated()

    def _batch_of(self, request: DocumentRequest) -> Batch | None:
        batch_id = request.batch_id
        return self.store.read(lambda tx: tx.batches.get(batch_id)) if batch_id else None

    def _looked_up(self, batch: Batch, request: DocumentRequest) -> str | None:
        """Return the vendor's id of a batch that was never recorded as submitted."""
        if not self.lookup_supported:
            return None
        match self.thunderhead.find(batch.client_reference, request.traceparent):
            case Found(vendor_id):
                return vendor_id
            case CallFailed(reason):
                raise _unavailable(reason)
            case _:
                return None

    def _report(self, vendor_id: str, request: DocumentRequest) -> DocumentReport | None:
        documents = self.thunderhead.documents(vendor_id, request.traceparent)
        if isinstance(documents, CallFailed):
            # Purged there: nobody can tell any more, and nothing will be generated.
            if isinstance(self.thunderhead.poll(vendor_id, request.traceparent), NotVisible):
                return None
            raise _unavailable(documents.reason)
        return documents.get(str(request.request_id))


def note_generated_late(
    tx: Transaction, batch_id: UUID, documents: Mapping[UUID, DocumentReport], now: datetime
) -> Sequence[UUID]:
    """Note documents that were generated although they had failed, with their outputs.

    Returns those that nobody had noted yet.
    """
    noted = tx.batched.note_generated_late(batch_id, list(documents), now)
    tx.batched.add_outputs(
        [replace(row, outputs=documents[row.request_id].outputs) for row in noted]
    )
    return [row.request_id for row in noted]


def already_generated() -> ActionRefused:
    """Return the refusal for a document that exists."""
    return ActionRefused(
        "ALREADY_GENERATED", "Thunderhead has generated this document after its deadline."
    )


def _unavailable(reason: str) -> ActionRefused:
    return ActionRefused(
        "THUNDERHEAD_UNAVAILABLE",
        f"Thunderhead cannot say whether the document exists ({reason}); try again later.",
    )
