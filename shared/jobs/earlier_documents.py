"""Whether the document of a failed request exists after all: asked before it is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest
from shared.domain.settlement import is_ended
from shared.domain.submission import Guarantees, is_visible_by_now
from shared.domain.thunderhead import (
    BatchReport,
    CallFailed,
    DocumentReport,
    DocumentStatus,
    Found,
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
    guarantees: Guarantees
    pending_grace: timedelta

    def require_none(self, request: DocumentRequest) -> None:
        """Make sure that the request's document was not generated, and will not be.

        Raises ActionRefused: ALREADY_GENERATED (noted in the request's row, with its outputs),
        STILL_GENERATING, NOT_VISIBLE_YET, or THUNDERHEAD_UNAVAILABLE where it gave no usable
        answer. A batch that Thunderhead no longer knows will not be generated.
        """
        batch = self._batch_of(request)
        if batch is None:
            return
        vendor_id = batch.thunderhead_batch_id or self._looked_up(batch, request)
        if vendor_id is None:
            return
        report = self._read(batch, vendor_id, request)
        if report is None:
            return
        documents = self.thunderhead.documents(vendor_id, request.traceparent)
        if isinstance(documents, CallFailed):
            raise _unavailable(documents.reason)
        document = documents.get(str(request.request_id))
        if document and document.status is DocumentStatus.COMPLETED:
            found, now = {request.request_id: document}, self.clock()
            self.store.write(lambda tx: note_generated_late(tx, batch.batch_id, found, now))
            raise already_generated()
        if document is None or document.status is DocumentStatus.PENDING:
            self._require_end(report, request)

    def _require_end(self, report: BatchReport, request: DocumentRequest) -> None:
        """A document without an outcome comes no more once its batch has ended for a while."""
        failed_at = request.completed_at or request.updated_at
        if not is_ended(report) or self.clock() < failed_at + self.pending_grace:
            raise ActionRefused(
                "STILL_GENERATING", "Thunderhead has not ended with this document yet."
            )

    def _batch_of(self, request: DocumentRequest) -> Batch | None:
        batch_id = request.batch_id
        return self.store.read(lambda tx: tx.batches.get(batch_id)) if batch_id else None

    def _looked_up(self, batch: Batch, request: DocumentRequest) -> str | None:
        """Return the vendor's id of a batch that was never recorded as submitted."""
        if not self.guarantees.lookup_supported:
            return None
        match self.thunderhead.find(batch.client_reference, request.traceparent):
            case Found(vendor_id):
                return vendor_id
            case CallFailed(reason):
                raise _unavailable(reason)
            case _:
                self._require_visible(batch)
                return None

    def _read(self, batch: Batch, vendor_id: str, request: DocumentRequest) -> BatchReport | None:
        match self.thunderhead.poll(vendor_id, request.traceparent):
            case BatchReport() as report:
                return report
            case CallFailed(reason):
                raise _unavailable(reason)
            case _:
                self._require_visible(batch)
                return None

    def _require_visible(self, batch: Batch) -> None:
        """What is not found says nothing before everything that was sent must be visible."""
        if not is_visible_by_now(batch, self.guarantees, self.clock()):
            raise ActionRefused(
                "NOT_VISIBLE_YET", "Thunderhead may have it and not show it yet; try again later."
            )


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
    return ActionRefused("ALREADY_GENERATED", "Thunderhead has generated this document after all.")


def _unavailable(reason: str) -> ActionRefused:
    return ActionRefused(
        "THUNDERHEAD_UNAVAILABLE",
        f"Thunderhead cannot say whether the document exists ({reason}); try again later.",
    )
