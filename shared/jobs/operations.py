"""What people may do to one request, guarded by its status and version."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from shared.domain.enrichment import enrich, footer_of
from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs.audit import Order, refusals_recorded
from shared.jobs.console_models import ActionName, TargetKind
from shared.jobs.earlier_documents import EarlierDocuments, already_generated
from shared.jobs.outcomes import Recorder
from shared.jobs.ports import ReferenceData
from shared.jobs.queries import Caller, Queries
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)

_MAY_EXIST = frozenset({FailureCategory.TIMEOUT, FailureCategory.ABANDONED})
"""Failures without a word of Thunderhead that the document was not generated."""


class Operations:
    """The actions of callers and operators on one request.

    `version` is the one that the person saw; None stands for the present one. Every action
    raises RequestNotFound, ActionRefused (nothing was changed) and DatabaseUnavailable.
    """

    def __init__(
        self,
        store: Store,
        reference_data: ReferenceData,
        earlier_documents: EarlierDocuments,
        recorder: Recorder,
        topic_for: Callable[[str | None], str],
        clock: Clock,
    ) -> None:
        self._store = store
        self._reference_data = reference_data
        self._earlier_documents = earlier_documents
        self._recorder = recorder
        self._topic_for = topic_for
        self._clock = clock

    def cancel(
        self,
        request_id: UUID,
        caller: Caller,
        reason: str | None = None,
        *,
        version: int | None = None,
    ) -> DocumentRequest:
        """End a RECEIVED request as FAILED (CANCELLED), with its event.

        Without a reason it is a source system that takes its own request back: that is in the
        history, and not in the audit of operators. Raises ReferenceDataUnavailable too: the
        event's topic is unknown then.
        """
        order = self._order(ActionName.CANCEL, request_id, caller, reason) if reason else None
        with refusals_recorded(self._store, order):
            return self._cancel(request_id, caller, reason, version, order)

    def _cancel(
        self,
        request_id: UUID,
        caller: Caller,
        reason: str | None,
        version: int | None,
        order: Order | None,
    ) -> DocumentRequest:
        request = self._seen(request_id, caller, version)
        if request.status is not RequestStatus.RECEIVED:
            raise _not_cancellable(request.status)
        topic = self._topic_of(request)
        now = self._clock()
        failure = Failure(
            FailureCategory.CANCELLED, "CANCELLED", "Cancelled before it was processed."
        )

        def work(tx: Transaction) -> DocumentRequest | None:
            cancelled = tx.requests.cancel(request, topic, failure, now)
            if cancelled:
                self._recorder.record(
                    tx,
                    [cancelled],
                    RequestStatus.RECEIVED,
                    now,
                    actor=caller.name,
                    reason=reason,
                )
            if cancelled and order:
                tx.operator_actions.add(order.done())
            return cancelled

        cancelled = self._store.write(work)
        if cancelled is None:
            raise _not_cancellable(Queries(self._store).get(request_id, caller).status)
        return cancelled

    def reprocess(
        self, request_id: UUID, caller: Caller, reason: str, *, version: int | None = None
    ) -> DocumentRequest:
        """Send a FAILED request on its way again, as its next generation.

        Refused while an event of it is unpublished (consumers see the generations in order),
        once its content was removed, and where its document exists, or may: after a TIMEOUT or
        an ABANDONED submission Thunderhead is asked first.
        """
        order = self._order(ActionName.REPROCESS, request_id, caller, reason)
        with refusals_recorded(self._store, order):
            return self._reprocess(request_id, order, version)

    def _reprocess(self, request_id: UUID, order: Order, version: int | None) -> DocumentRequest:
        caller = order.caller
        request = self._seen(request_id, caller, version)
        _require_reprocessable(request)
        if request.failure and request.failure.category in _MAY_EXIST:
            self._earlier_documents.require_none(request)
        now = self._clock()

        def work(tx: Transaction) -> DocumentRequest | None:
            again = tx.requests.reprocess(request, now)
            if again:
                self._recorder.record(
                    tx, [again], RequestStatus.FAILED, now, actor=caller.name, reason=order.reason
                )
                tx.operator_actions.add(order.done())
            return again

        again = self._store.write(work)
        if again is None:
            present = self._seen(request_id, caller, request.version)
            _require_reprocessable(present)
            raise ActionRefused(
                "EVENT_UNPUBLISHED",
                "The event of its failure has not been published yet; try again after that.",
            )
        _logger.info(
            "request reprocessed",
            extra={"oms.requestId": str(request_id), "oms.sourceSystem": again.source_system},
        )
        return again

    def publish_again(self, request_id: UUID, caller: Caller, reason: str) -> None:
        """Queue the event of a request again that the broker had refused."""
        order = self._order(ActionName.PUBLISH_AGAIN, request_id, caller, reason)

        def work(tx: Transaction) -> None:
            if not tx.outbox.take_up_again(request_id, order.at):
                raise ActionRefused("NOT_SET_ASIDE", "No event of this request was set aside.")
            tx.operator_actions.add(order.done())

        with refusals_recorded(self._store, order):
            request = Queries(self._store).get(request_id, caller)
            self._store.write(work)
        _logger.warning(
            "event queued again",
            extra={
                "oms.requestId": str(request_id),
                "oms.sourceSystem": request.source_system,
                "user.name": caller.name,
                "event.reason": reason,
            },
        )

    def _order(self, action: ActionName, request_id: UUID, caller: Caller, reason: str) -> Order:
        return Order(self._clock(), caller, action, TargetKind.REQUEST, str(request_id), reason)

    def _seen(self, request_id: UUID, caller: Caller, version: int | None) -> DocumentRequest:
        request = Queries(self._store).get(request_id, caller)
        if version not in (None, request.version):
            raise ActionRefused(
                "CHANGED_MEANWHILE",
                f"The request has changed since: it is {request.status}, version "
                f"{request.version}.",
            )
        return request

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


def _require_reprocessable(request: DocumentRequest) -> None:
    if request.status is not RequestStatus.FAILED:
        raise ActionRefused(
            "NOT_REPROCESSABLE",
            f"A request can be reprocessed once FAILED; it is {request.status}.",
        )
    if request.purged_at:
        raise ActionRefused(
            "CONTENT_REMOVED", "Its content was removed when its retention ended; submit it anew."
        )
    if request.generated_late_at:
        raise already_generated()
