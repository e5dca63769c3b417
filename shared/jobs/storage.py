"""What the jobs need from the database: one port per table, one for transactions.

`shared/store` implements these. A method names a step of a use case; its SQL is the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from shared.domain.figures import Figures
from shared.domain.models import (
    AcceptedBatch,
    Batch,
    HistoryEntry,
    JobMessage,
    JobRun,
    OutboxEvent,
    Pause,
)
from shared.domain.polling import GenerationTime
from shared.domain.statuses import BatchState
from shared.domain.thunderhead import BatchReport
from shared.jobs.console_models import (
    BatchFilter,
    BatchRecord,
    OutboxDepth,
    Position,
    RecordedMessage,
    SetAsideEvent,
    StoredEvent,
)
from shared.jobs.console_storage import OperatorActions, Statistics
from shared.jobs.request_storage import BatchedRequests, ClaimedRequests, Requests

T = TypeVar("T")


class History(Protocol):
    """Table status_history."""

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        """Append transitions."""

    def of(self, request_id: UUID) -> Sequence[HistoryEntry]:
        """Return a request's transitions, oldest first."""


class Batches(Protocol):
    """Tables batches and batch_messages.

    Every change is guarded by the batch's state and lease owner, and False says that it is no
    longer ours: nothing was changed.
    """

    def insert(self, new: Sequence[Batch]) -> None:
        """Store intents: leased, and about to be sent."""

    def get(self, batch_id: UUID) -> Batch | None:
        """Return one batch."""

    def held(self, limit: int) -> Sequence[Batch]:
        """Return HELD batches, longest held first."""

    def page(
        self, where: BatchFilter, limit: int, before: Position | None
    ) -> Sequence[BatchRecord]:
        """Return batches, newest first, that come after a position."""

    def records(self, batch_ids: Sequence[UUID]) -> Sequence[BatchRecord]:
        """Return batches with what Thunderhead last said of them, oldest first."""

    def messages(
        self, batch_id: UUID, limit: int, about: UUID | None = None
    ) -> Sequence[RecordedMessage]:
        """Return the vendor's job messages in their order, those about one document or all.

        Messages about the batch itself are always among them.
        """

    def make_due(self, batch: Batch, now: datetime) -> bool:
        """Make a SUBMITTED batch due now: at its version here, and while no run is at it."""

    def claim(
        self,
        state: BatchState,
        owner: UUID,
        now: datetime,
        leased_until: datetime,
        limit: int,
    ) -> Sequence[Batch]:
        """Take due batches of a state: intents, polls, or look-ups of what is HELD."""

    def renew(self, batch: Batch, leased_until: datetime) -> bool:
        """Extend the lease."""

    def mark_sending(self, batch: Batch) -> bool:
        """Note that the batch, as it is here, is about to be sent again."""

    def record_submitted(self, accepted: Sequence[AcceptedBatch], now: datetime) -> Set[UUID]:
        """SUBMITTING or HELD → SUBMITTED; returns the batches that were still ours."""

    def record_wait(self, batch: Batch, now: datetime, due_at: datetime) -> bool:
        """Keep an intent, as it is here, until later."""

    def look_again(self, batch: Batch, due_at: datetime) -> bool:
        """Keep a HELD batch for its next look-up."""

    def dissolve(self, batch: Batch, now: datetime) -> bool:
        """SUBMITTING → DISSOLVED."""

    def hold(
        self,
        batch: Batch,
        reason: str,
        now: datetime,
        report: BatchReport | None = None,
        look_again_at: datetime | None = None,
    ) -> bool:
        """SUBMITTING or SUBMITTED → HELD, with the vendor's last words where there are any."""

    def decide(self, batch: Batch, state: BatchState, now: datetime, **values: Any) -> bool:
        """Take a HELD batch to the state that a person decided on.

        Guarded by its version instead of a lease; `values` are columns to set besides.
        """

    def bring_forward(self, now: datetime) -> int:
        """Make intents that wait due now, MOST_BROUGHT_FORWARD at most; counts them.

        Not those that changed after `now`.
        """

    def record_poll(
        self,
        batch: Batch,
        report: BatchReport | None,
        now: datetime,
        due_at: datetime,
        terminal_since: datetime | None,
    ) -> bool:
        """Keep a submitted batch for its next poll; without a report, the poll failed."""

    def settle(self, batch: Batch, report: BatchReport | None, now: datetime) -> bool:
        """SUBMITTED → SETTLED with the vendor's last words."""

    def add_messages(self, batch_id: UUID, messages: Sequence[JobMessage], now: datetime) -> None:
        """Keep the vendor's job messages."""


class GenerationTimes(Protocol):
    """Table generation_times: how long batches of a configuration take."""

    def all(self) -> Mapping[str, GenerationTime]:
        """Return what is known, by batch configuration."""

    def note(self, batch_config_id: str, seconds: float) -> None:
        """Add the time that a batch took."""


class Retention(Protocol):
    """What is removed from terminal requests, and when."""

    def purge(
        self,
        completed_before: datetime,
        exceptions: Mapping[str, datetime],
        limit: int,
        now: datetime,
    ) -> int:
        """Remove content, metadata, texts and events of requests that ended long ago.

        `exceptions` are other limits by source system. Takes those that ended first, at most
        `limit` (≤ 200), and none with an unpublished event; returns how many.
        """


class Outbox(Protocol):
    """Table outbox. Changes are guarded by the lease owner and return how many were ours."""

    def add(self, events: Sequence[OutboxEvent], now: datetime) -> None:
        """Queue events; at most one unpublished per request, by a constraint."""

    def claim(
        self, owner: UUID, now: datetime, leased_until: datetime, limit: int
    ) -> Sequence[OutboxEvent]:
        """Take due events."""

    def mark_published(self, owner: UUID, event_ids: Sequence[UUID], now: datetime) -> int:
        """Note the broker's acknowledgement."""

    def retry_later(
        self, owner: UUID, event_ids: Sequence[UUID], due_at: datetime, reason: str
    ) -> int:
        """Give events back after a failure that passes."""

    def set_aside(self, owner: UUID, event_ids: Sequence[UUID], reason: str) -> int:
        """Take events out of the queue that the broker refuses; a person decides."""

    def take_up_again(self, request_id: UUID, now: datetime) -> bool:
        """Make a request's event that was set aside due again; False if it has none."""

    def of(self, request_id: UUID) -> Sequence[StoredEvent]:
        """Return a request's events, oldest generation first."""

    def refused(
        self, source_systems: Collection[str] | None, limit: int
    ) -> Sequence[SetAsideEvent]:
        """Return events that were set aside, oldest first; None stands for every source system."""

    def depth(self, limit: int) -> OutboxDepth:
        """Count the events that were not published yet, each kind up to a limit."""


class Pauses(Protocol):
    """Table pauses: what is not to be called before when."""

    def all(self) -> Mapping[str, Pause]:
        """Return every stored pause by name, ended ones included."""

    def extend(self, pause: Pause) -> None:
        """Store a pause, unless one by this name lasts longer already (or has no end)."""

    def remove(self, name: str) -> bool:
        """End a pause, whatever its end; False if there was none."""

    def clear_ended(self, name: str, now: datetime) -> None:
        """Forget a pause, unless another run has made it longer."""


class JobRuns(Protocol):
    """Table job_runs: the heartbeat of each job."""

    def record(self, run: JobRun) -> None:
        """Keep a run as the job's last."""

    def last(self) -> Sequence[JobRun]:
        """Return the last run of each job."""


class FiguresReader(Protocol):
    """Counts of what is open."""

    def take(self) -> Figures:
        """Count requests and events that are open."""


class Transaction(Protocol):
    """One transaction, by table."""

    @property
    def requests(self) -> Requests:
        """Requests at rest, with content, metadata and outputs."""

    @property
    def claimed(self) -> ClaimedRequests:
        """Requests that a claim owns."""

    @property
    def batched(self) -> BatchedRequests:
        """Requests that a batch owns."""

    @property
    def history(self) -> History:
        """The transitions of requests."""

    @property
    def batches(self) -> Batches:
        """Batches and the vendor's messages."""

    @property
    def generation_times(self) -> GenerationTimes:
        """How long batches take."""

    @property
    def retention(self) -> Retention:
        """What is removed after its time."""

    @property
    def outbox(self) -> Outbox:
        """Events on their way."""

    @property
    def pauses(self) -> Pauses:
        """What is not to be called before when."""

    @property
    def job_runs(self) -> JobRuns:
        """The jobs' heartbeats."""

    @property
    def operator_actions(self) -> OperatorActions:
        """What operators ordered, and what came of it."""

    @property
    def statistics(self) -> Statistics:
        """What happened in each hour."""

    @property
    def figures(self) -> FiguresReader:
        """What is open."""

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do something once the transaction is committed; never where it is not.

        Its failure is logged, and goes no further.
        """


class Store(Protocol):
    """The database."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work in one transaction, again from its start if the database asks for that.

        Raises DatabaseUnavailable. The work must not have effects outside the transaction, but
        for those it leaves to `after_commit`.
        """

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run work that only reads. Raises DatabaseUnavailable."""
