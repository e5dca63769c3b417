"""The end of a request: history and outbox, in the transaction that made it terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared import tracing
from shared.domain.events import terminal_event
from shared.domain.models import DocumentRequest, HistoryEntry
from shared.domain.statuses import RequestStatus, can_become
from shared.jobs.storage import Transaction
from shared.measures import GENERATION_DURATION, SUBMISSION_DURATION, TRANSITIONS


class Recorder:
    """Writes what follows from a change of status; used inside the transaction of the change.

    `requests` are always the rows that the change returned, never those it was meant for: a
    row that somebody else had changed first gets neither history nor event.
    """

    def __init__(self, environment: str, default_topic: str) -> None:
        self._environment = environment
        self._default_topic = default_topic

    def record(
        self,
        tx: Transaction,
        requests: Sequence[DocumentRequest],
        before: RequestStatus,
        now: datetime,
        *,
        actor: str,
        reason: str | None = None,
        run_id: UUID | None = None,
    ) -> None:
        """Append the history of a transition, and the event of a terminal one."""
        for request in requests:
            if not can_become(before, request.status):
                raise AssertionError(f"{before} does not become {request.status}")
        if not requests:
            return
        began = tracing.now_ns()
        tx.after_commit(lambda: _show(requests, before, began))
        tx.history.add(
            [
                HistoryEntry(
                    request.request_id,
                    request.generation,
                    before,
                    request.status,
                    now,
                    actor,
                    reason or (request.failure.code if request.failure else None),
                    run_id,
                    request.batch_id,
                    request.failure.category if request.failure else None,
                    request.failure.code if request.failure else None,
                )
                for request in requests
            ]
        )
        ended = [request for request in requests if request.status.is_terminal]
        if ended:
            tx.outbox.add(
                [
                    terminal_event(
                        request,
                        environment=self._environment,
                        default_topic=self._default_topic,
                    )
                    for request in ended
                ],
                now,
            )


def _show(requests: Sequence[DocumentRequest], before: RequestStatus, began_ns: int) -> None:
    """Tell traces and metrics of committed changes."""
    tracing.note_transitions(requests, before, began_ns)
    kinds = Counter((request.status, request.failure) for request in requests)
    for (status, failure), count in kinds.items():
        attributes = {"oms.request.status": status.value}
        if failure:
            attributes["oms.failure.category"] = failure.category.value
        TRANSITIONS.record(count, attributes)
    for request in requests:
        submitted_at = request.submitted_at
        if submitted_at is None:
            continue
        if request.status is RequestStatus.SUBMITTED and request.generation == 1:
            SUBMISSION_DURATION.record((submitted_at - request.received_at).total_seconds())
        elif before is RequestStatus.SUBMITTED and request.completed_at:
            seconds = (request.completed_at - submitted_at).total_seconds()
            GENERATION_DURATION.record(seconds, {"oms.request.status": request.status.value})
