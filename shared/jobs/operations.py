"""What people may do to a request, guarded by its status."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from shared.domain.enrichment import enrich, footer_of
from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs.outcomes import Recorder
from shared.jobs.ports import ReferenceData
from shared.jobs.queries import Caller, Queries
from shared.jobs.storage import Store, Transaction


class Operations:
    """The actions of callers and operators."""

    def __init__(
        self,
        store: Store,
        reference_data: ReferenceData,
        recorder: Recorder,
        topic_for: Callable[[str | None], str],
        clock: Clock,
    ) -> None:
        self._store = store
        self._reference_data = reference_data
        self._recorder = recorder
        self._topic_for = topic_for
        self._clock = clock

    def cancel(self, request_id: UUID, caller: Caller) -> DocumentRequest:
        """End a RECEIVED request as FAILED (CANCELLED), with its event.

        Raises RequestNotFound, ActionRefused (NOT_CANCELLABLE), ReferenceDataUnavailable (the
        event's topic is unknown then; nothing was changed) and DatabaseUnavailable.
        """
        request = Queries(self._store).get(request_id, caller)
        if request.status is not RequestStatus.RECEIVED:
            raise _not_cancellable(request.status)
        topic = self._topic_of(request)
        now = self._clock()
        failure = Failure(
            FailureCategory.CANCELLED, "CANCELLED", "Cancelled before it was processed."
        )

        def work(tx: Transaction) -> DocumentRequest | None:
            cancelled = tx.requests.cancel(request_id, topic, failure, now)
            if cancelled:
                self._recorder.record(
                    tx, [cancelled], RequestStatus.RECEIVED, now, actor=caller.name
                )
            return cancelled

        cancelled = self._store.write(work)
        if cancelled is None:
            raise _not_cancellable(Queries(self._store).get(request_id, caller).status)
        return cancelled

    def _topic_of(self, request: DocumentRequest) -> str:
        """Return where the request's event goes, as processing would have found it."""
        today = self._clock().date()
        footer = footer_of(request.metadata)
        rows = self._reference_data.configurations(request.document_name, footer, today)
        return self._topic_for(enrich(request.document_name, footer, rows, today).topic)


def _not_cancellable(status: RequestStatus) -> ActionRefused:
    return ActionRefused(
        "NOT_CANCELLABLE", f"A request can be cancelled while RECEIVED; this one is {status}."
    )
