"""The use cases behind the console, with a system in every state and words of our choice in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.domain.models import (
    BatchCounts,
    DocumentRequest,
    Failure,
    HistoryEntry,
    JobMessage,
    JobRun,
    Output,
    Pause,
)
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus
from shared.errors import ActionRefused, RequestNotFound
from shared.jobs.audit import ActionPage
from shared.jobs.batch_pages import BatchList, BatchPage
from shared.jobs.bulk import BulkResult, BulkStep
from shared.jobs.console_models import (
    ActionName,
    AlertLimits,
    BatchRecord,
    Count,
    EventState,
    FailureTally,
    OperatorAction,
    OutboxDepth,
    RecordedMessage,
    SetAsideEvent,
    StoredEvent,
    Tally,
    TargetKind,
    Waiting,
)
from shared.jobs.overview import (
    Activity,
    Bucket,
    Dependency,
    DependencyState,
    JobState,
    Overview,
    Step,
    WaitingState,
)
from shared.jobs.queries import Page, Readiness
from shared.jobs.request_pages import CarriedBy, RequestPage, TransactionData
from shared.web.console.forgery import Tokens
from shared.web.console.people import local_operator
from shared.web.console.services import Console
from tests.unit.domain.builders import a_batch, a_request

NOW = datetime(2026, 3, 2, 3, 12, 40, tzinfo=UTC)
RECEIVED, FAILED, HELD, COMPLETED = (UUID(int=n) for n in (1, 2, 3, 4))
HELD_BATCH, SUBMITTED_BATCH, SETTLED_BATCH = (UUID(int=n) for n in (71, 72, 73))
RUN = UUID(int=99)


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


@dataclass
class FakeUseCases:
    """Every use case in one: answers with samples, and keeps what was ordered."""

    text: str = "Mandatory element TotalAmount is missing"
    """In every field that somebody else fills."""
    refusal: Exception | None = None
    outage: Exception | None = None
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    matching: int = 45
    """How many requests match whatever filter."""

    def console(self, **values: Any) -> Console:
        parts = dict.fromkeys(
            (
                "overviews",
                "queries",
                "request_pages",
                "batch_pages",
                "operations",
                "held",
                "submissions",
                "bulk",
                "audit",
            ),
            self,
        )
        given = {
            "environment": "test",
            "identify": local_operator,
            "tokens": Tokens(only_https=False),
            "clock": lambda: NOW,
            "trace_url": "https://traces.example/trace/{traceId}",
        }
        return Console(**{**given, **parts, **values})

    # -- samples ---------------------------------------------------------------------------

    def request(self, request_id: UUID) -> DocumentRequest:
        request = a_request(
            request_id=request_id,
            request_correlation_id=f"REQ-{request_id.int:04}",
            received_at=ago(minutes=42),
            updated_at=ago(minutes=12),
            metadata={"POLICY_ID": self.text},
        )
        failure = Failure(FailureCategory.GENERATION, "THUNDERHEAD", self.text)
        match request_id:
            case int() | UUID(int=1):
                return request
            case UUID(int=2):
                return replace(
                    request,
                    status=RequestStatus.FAILED,
                    failure=failure,
                    batch_id=SETTLED_BATCH,
                    submitted_at=ago(minutes=41),
                    completed_at=ago(minutes=12),
                    event_topic="oms-document-status",
                    version=4,
                )
            case UUID(int=3):
                return replace(request, status=RequestStatus.HELD, batch_id=HELD_BATCH)
            case UUID(int=4):
                output = Output("PRINT", "application/pdf", 2, self.text, self.text)
                return replace(
                    request,
                    request_correlation_id=self.text,
                    status=RequestStatus.COMPLETED,
                    outputs=(output,),
                    generation=2,
                    batch_id=SETTLED_BATCH,
                    thunderhead_batch_id="76647",
                    completed_at=ago(minutes=12),
                )
            case _:
                raise RequestNotFound(str(request_id))

    def record(self, batch_id: UUID) -> BatchRecord:
        batch = a_batch(batch_id=batch_id, document_count=14, lease_owner=None, version=4)
        match batch_id:
            case UUID(int=71):
                state = {"state": BatchState.HELD, "hold_reason": self.text, "leased_until": None}
            case UUID(int=72):
                state = {
                    "state": BatchState.SUBMITTED,
                    "thunderhead_batch_id": "76648",
                    "vendor_status": "RUNNING",
                    "leased_until": NOW + timedelta(minutes=2),
                }
            case UUID(int=73):
                state = {
                    "state": BatchState.SETTLED,
                    "thunderhead_batch_id": "76647",
                    "vendor_status": "COMPLETED_WITH_ERRORS",
                    "leased_until": None,
                }
            case _:
                raise ActionRefused("NO_SUCH_BATCH", "There is no batch with this id.")
        return BatchRecord(
            replace(batch, batch_name=self.text, **state),
            updated_at=ago(minutes=3),
            settled_at=None,
            counts=BatchCounts(14, 12, 2, 0),
            vendor_status_text=self.text,
            vendor_started_at=ago(minutes=40),
            vendor_finished_at=None,
        )

    def messages(self) -> list[RecordedMessage]:
        return [
            RecordedMessage(JobMessage(kind, self.text, str(FAILED)), ago(minutes=5))
            for kind in ("I", "W", "E", self.text)
        ]

    def pauses(self) -> list[Pause]:
        later = NOW + timedelta(minutes=4)
        return [
            Pause("thunderhead", ago(minutes=9), later, 3, self.text, "processing"),
            Pause("submissions", ago(minutes=5), None, 0, self.text, self.text),
            Pause("submissions:1709524441", ago(minutes=5), None, 0, self.text, self.text),
        ]

    # -- reading ----------------------------------------------------------------------------

    def _ready(self) -> None:
        if self.outage:
            raise self.outage

    def now(self, caller: Any) -> Overview:
        self._ready()
        thunderhead, everything, one = self.pauses()
        run = JobRun("processing", RUN, ago(seconds=31), ago(seconds=30), {"claimed": 14})
        limit = timedelta(minutes=30)

        def waiting(status: RequestStatus, count: int, minutes: float) -> WaitingState:
            since = ago(minutes=minutes) if count else None
            oldest = Waiting(status, Count(count), HELD if count else None, since)
            return WaitingState(oldest, NOW - since if since else None, limit)

        return Overview(
            at=NOW,
            dependencies=[
                Dependency("thunderhead", DependencyState.PAUSED, thunderhead),
                Dependency("reference-data", DependencyState.UP, None),
                Dependency("events", DependencyState.UP, None),
            ],
            paused_submissions=[everything, one],
            refused_submissions=Dependency("submissions", DependencyState.UP, None),
            jobs=[JobState("processing", run, False), JobState("monitoring", None, True)],
            waiting=[
                waiting(RequestStatus.RECEIVED, 132, 42),
                waiting(RequestStatus.PROCESSING, 0, 0),
                waiting(RequestStatus.SUBMITTED, 7, 3),
                waiting(RequestStatus.HELD, 14, 95),
            ],
            failed=Count(10_000, True),
            outbox=OutboxDepth(Count(3), ago(minutes=20), Count(1)),
            limits=AlertLimits({}, timedelta(minutes=15), timedelta(minutes=15)),
        )

    def activity(self, start: datetime, end: datetime, step: Step, caller: Any) -> Activity:
        count = max(1, round((end - start) / step.width))
        buckets = [
            Bucket(start + n * step.width, Tally(40 + 7 * (n % 5), 36 + 6 * (n % 5), n % 4))
            for n in range(count)
        ]
        return Activity(
            start=start,
            end=end,
            step=step,
            buckets=buckets,
            total=Tally(1290, 1204, 31),
            by_source_system={"ARCADE": Tally(900, 840, 20), self.text: Tally(390, 364, 11)},
            failures=[
                FailureTally(FailureCategory.GENERATION, "THUNDERHEAD", 21),
                FailureTally(FailureCategory.ENRICHMENT, self.text, 10),
            ],
            counted_until=ago(minutes=2),
        )

    def page(self, where: Any, limit: int, before: Any, caller: Any) -> Any:
        self._ready()
        match type(where).__name__:
            case "BatchFilter":
                ids = (HELD_BATCH, SUBMITTED_BATCH, SETTLED_BATCH)
                return BatchList([self.record(one) for one in ids], (NOW, HELD_BATCH))
            case "ActionFilter":
                return ActionPage([*self._actions()], 7)
            case _:
                return self._requests()

    def _requests(self) -> Page:
        ids = (RECEIVED, FAILED, HELD, COMPLETED)
        return Page([self.request(one) for one in ids], (NOW, COMPLETED))

    def _actions(self) -> Iterator[OperatorAction]:
        targets = {
            TargetKind.REQUEST: str(FAILED),
            TargetKind.BATCH: str(HELD_BATCH),
            TargetKind.SUBMISSIONS: f"submissions:{self.text}",
        }
        for kind, target in targets.items():
            for outcome in ("DONE", "CHANGED_MEANWHILE"):
                name = ActionName.REPROCESS
                yield OperatorAction(NOW, self.text, name, kind, target, self.text, outcome, 8)

    def count(self, where: Any, limit: int, caller: Any) -> Count:
        return Count(self.matching)

    def export(self, where: Any, caller: Any) -> Iterator[DocumentRequest]:
        yield from self._requests().requests

    def events_set_aside(self, limit: int, caller: Any) -> list[SetAsideEvent]:
        return [
            SetAsideEvent(FAILED, self.text, self.text, 1, "oms-document-status", NOW, self.text)
        ]

    def readiness(self) -> Readiness:
        return Readiness([], self.pauses())

    def get(self, some_id: UUID, caller: Any) -> Any:
        self._ready()
        if some_id.int >= 70:
            return BatchPage(self.record(some_id), self.messages(), True)
        return _Both(self._request_page(some_id))

    def _request_page(self, request_id: UUID) -> RequestPage:
        request = self.request(request_id)
        history = [
            HistoryEntry(request_id, 1, None, RequestStatus.RECEIVED, ago(minutes=42), "ARCADE"),
            HistoryEntry(
                request_id,
                1,
                RequestStatus.RECEIVED,
                RequestStatus.FAILED,
                ago(minutes=12),
                self.text,
                self.text,
                RUN,
                SETTLED_BATCH,
            ),
        ]
        events = [
            StoredEvent(
                UUID(int=500 + n),
                n,
                state,
                "oms-document-status",
                ago(minutes=12),
                None,
                2,
                self.text,
                None,
                b"{}",
            )
            for n, state in enumerate(EventState, 1)
        ]
        carried = [CarriedBy(self.record(SETTLED_BATCH), self.messages())]
        return RequestPage(request, history, carried, events)

    def content(self, request_id: UUID, caller: Any, reason: str) -> str:
        self._order("content", request_id, caller, reason)
        note = json.dumps(self.text, ensure_ascii=False)
        return f'{{"Document": {{"total": 12.50, "note": {note}}}}}'

    def transaction_data(self, request_id: UUID, caller: Any, reason: str) -> TransactionData:
        self._order("transaction_data", request_id, caller, reason)
        note = self.text.replace("&", "&amp;").replace("<", "&lt;")
        return TransactionData(
            f"<transaction><note>{note}</note></transaction>".encode(), "application/xml"
        )

    def documents(self, batch_id: UUID, limit: int, before: Any, caller: Any) -> Page:
        return self._requests()

    # -- orders ------------------------------------------------------------------------------

    def _order(self, name: str, *values: Any, **more: Any) -> None:
        self._ready()
        if self.refusal:
            raise self.refusal
        self.orders.append((name, *values, *more.values()))

    def reprocess(self, target: Any, caller: Any, reason: str, **more: Any) -> Any:
        if isinstance(target, Mapping):
            self._order("bulk reprocess", target, caller, reason)
            return self._results(list(target))
        return self._order("reprocess", target, caller, reason, **more)

    def cancel(self, target: Any, caller: Any, reason: str, **more: Any) -> Any:
        if isinstance(target, Mapping):
            self._order("bulk cancel", target, caller, reason)
            return self._results(list(target))
        return self._order("cancel", target, caller, reason, **more)

    def reprocess_matching(self, where: Any, limit: int, before: Any, *order: Any) -> BulkStep:
        self._order("reprocess matching", where, limit, before, *order)
        self.matching -= limit
        ids = [FAILED] * min(limit, limit + self.matching)
        return BulkStep(self._results(ids), (NOW, FAILED) if self.matching > 0 else None)

    cancel_matching = reprocess_matching

    def _results(self, ids: Sequence[UUID]) -> list[BulkResult]:
        return [
            BulkResult(one, self.request(FAILED))
            if n % 3
            else BulkResult(one, None, "CHANGED_MEANWHILE", self.text)
            for n, one in enumerate(ids)
        ]

    def publish_again(self, request_id: UUID, caller: Any, reason: str) -> None:
        self._order("publish_again", request_id, caller, reason)

    def adopt(self, batch_id: UUID, vendor_id: str, caller: Any, reason: str, **more: Any) -> None:
        self._order("adopt", batch_id, vendor_id, caller, reason, **more)

    def resend(self, *order: Any, **more: Any) -> None:
        self._order("resend", *order, **more)

    def delivered(self, *order: Any, **more: Any) -> None:
        self._order("delivered", *order, **more)

    def abandon(self, *order: Any, **more: Any) -> None:
        self._order("abandon", *order, **more)

    def poll_now(self, *order: Any, **more: Any) -> None:
        self._order("poll_now", *order, **more)

    def pause(self, *order: Any) -> None:
        self._order("pause", *order)

    def resume(self, *order: Any) -> None:
        self._order("resume", *order)


class _Both:
    """What `Queries.get` and `RequestPages.get` return, by attribute."""

    def __init__(self, page: RequestPage) -> None:
        self._page = page

    def __getattr__(self, name: str) -> Any:
        of = self._page if hasattr(self._page, name) else self._page.request
        return getattr(of, name)
