"""What the outcomes of submissions change: every decision of `domain.submission`, committed.

An outcome is first made a `_Change` (slow things, such as rendering a successor, happen here);
then all changes are written in one transaction. What follows is returned: batches to send next.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from shared.domain import submission
from shared.domain.models import AcceptedBatch, Batch, DocumentRequest
from shared.domain.polling import GenerationTime, PollingBounds
from shared.domain.retrying import Backoff
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.submission import (
    Decision,
    Dissolve,
    Doubt,
    Guarantees,
    Hold,
    Record,
    Resend,
    Wait,
)
from shared.domain.timing import after
from shared.jobs import pausing
from shared.jobs.acceptance import Acceptance, record_acceptances
from shared.jobs.assembling import Assembler, Parcel
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.runs import PROCESSING, Run
from shared.jobs.storage import Store, Transaction
from shared.jobs.submitting import Outcome

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Change:
    """What one outcome changes."""

    apply: Callable[[Transaction], bool]
    """Writes it; False if the batch is no longer ours."""
    counter: str
    documents: int
    next_parcels: tuple[Parcel, ...] = ()


@dataclass(frozen=True, slots=True)
class _Submitted:
    """Thunderhead has the batch; these are written together."""

    acceptance: Acceptance
    documents: int
    counter: str = "submitted"
    next_parcels: tuple[Parcel, ...] = ()


@dataclass(slots=True)
class SubmissionResults:
    """Writes the outcomes of one run."""

    store: Store
    assembler: Assembler
    recorder: Recorder
    leases: Leases
    backoff: Backoff
    guarantees: Guarantees
    polling: PollingBounds
    run: Run
    pauses: Pauses
    thunderhead_answered: bool = False
    """Some call of this run was answered well: Thunderhead as a whole is not down."""
    _known_times: Mapping[str, GenerationTime] | None = None

    def record(self, outcomes: Sequence[Outcome]) -> list[Parcel]:
        """Commit some outcomes together; returns the batches that are to be sent next."""
        now = self.leases.clock()
        changes = [self._change(outcome, now) for outcome in outcomes]
        applied = self.store.write(lambda tx: self._apply(tx, changes, now))
        parcels: list[Parcel] = []
        counts: Counter[str] = Counter()
        for change, is_ours in zip(changes, applied, strict=True):
            counts[change.counter if is_ours else "lost"] += change.documents
            if is_ours:
                parcels.extend(change.next_parcels)
        self.run.counts.update(counts)
        return parcels

    def _apply(
        self, tx: Transaction, changes: Sequence[_Change | _Submitted], now: datetime
    ) -> list[bool]:
        """Write changes; tells of each whether its batch was still ours."""
        accepted = [change.acceptance for change in changes if isinstance(change, _Submitted)]
        recorded = record_acceptances(tx, self.recorder, accepted, now, self.run.run_id)
        return [
            change.acceptance.batch_id in recorded
            if isinstance(change, _Submitted)
            else change.apply(tx)
            for change in changes
        ]

    def _change(self, outcome: Outcome, now: datetime) -> _Change | _Submitted:
        parcel = outcome.parcel
        if outcome.decision is None:
            return _Change(lambda _: False, "lost", len(parcel.requests))
        if outcome.thunderhead_answered:
            self.thunderhead_answered = True
            if not isinstance(outcome.decision, Wait):
                self.pauses.end(pausing.THUNDERHEAD)
        if parcel.batch.state is BatchState.HELD:
            return self._looked_up(parcel, outcome.decision, now)
        match self._with_patience(outcome.decision, parcel.batch):
            case Record() as decision:
                return self._submitted(parcel, decision, now)
            case Dissolve() as decision:
                return self._dissolved(parcel, decision)
            case Resend() as decision:
                return self._resend(parcel, decision)
            case Hold(reason):
                return self._held(self._in_doubt(outcome), reason)
            case Wait() | Doubt() as decision:
                return self._later(outcome, decision)
            case decision:
                raise AssertionError(f"not a final decision: {decision}")

    def _with_patience(self, decision: Decision, batch: Batch) -> Decision:
        return submission.with_patience(decision, self._attempts(batch), self.guarantees)

    def _attempts(self, batch: Batch) -> int:
        """Count an unanswered send as an attempt, unless all of Thunderhead seems to be down."""
        counts = batch.in_flight and self.thunderhead_answered
        return batch.attempts + counts

    def _submitted(self, parcel: Parcel, decision: Record, now: datetime) -> _Submitted:
        self.pauses.end(pausing.SUBMISSIONS)
        batch = parcel.batch
        wait = self.polling.first_poll(
            self._generation_times().get(batch.batch_config_id), decision.retry_after
        )
        due_at = after(now, wait)
        accepted = AcceptedBatch(batch, decision.thunderhead_batch_id, due_at)
        return _Submitted(Acceptance(parcel, accepted), len(parcel.requests))

    def _looked_up(self, parcel: Parcel, decision: Decision, now: datetime) -> _Change | _Submitted:
        """Release a HELD batch that Thunderhead shows after all; else look again later."""
        if isinstance(decision, Record):
            return self._submitted(parcel, decision, now)
        if isinstance(decision, Wait | Doubt):
            self._be_patient(decision)
        batch, again_at = parcel.batch, self._look_again_at(parcel.batch)
        return _Change(
            lambda tx: tx.batches.look_again(batch, again_at), "retried", len(parcel.requests)
        )

    def _look_again_at(self, batch: Batch) -> datetime:
        return after(self.leases.clock(), self.backoff.seconds(batch.failures + 1))

    def _generation_times(self) -> Mapping[str, GenerationTime]:
        """Return how long batches take, as it was when the run submitted its first."""
        if self._known_times is None:
            self._known_times = self.store.read(lambda tx: tx.generation_times.all())
        return self._known_times

    def _in_doubt(self, outcome: Outcome) -> Parcel:
        """Note that nobody can tell what became of a send, if this is about one."""
        parcel = outcome.parcel
        if not outcome.was_sent:
            return parcel
        return replace(parcel, batch=replace(parcel.batch, unknown_since=self.leases.clock()))

    def _held(self, parcel: Parcel, reason: str) -> _Change:
        now = self.leases.clock()
        batch = parcel.batch
        again_at = self._look_again_at(batch) if self.guarantees.lookup_supported else None

        def apply(tx: Transaction) -> bool:
            if not tx.batches.hold(batch, reason, now, look_again_at=again_at):
                return False
            tx.after_commit(partial(self._alert, batch, reason))
            held = tx.batched.change_status(
                batch.batch_id, RequestStatus.PROCESSING, RequestStatus.HELD, now
            )
            self._record(tx, held, now, reason)
            return True

        return _Change(apply, "held", len(parcel.requests))

    def _alert(self, batch: Batch, reason: str) -> None:
        _logger.error(
            "batch held",
            extra={
                "oms.batchId": batch.client_reference,
                "oms.runId": str(self.run.run_id),
                "event.reason": reason,
            },
        )

    def _later(self, outcome: Outcome, decision: Wait | Doubt) -> _Change:
        """Keep an intent open; what is known of its sends is kept with it."""
        parcel, batch = outcome.parcel, outcome.parcel.batch
        now = self.leases.clock()
        due_at = after(now, self.backoff.seconds(batch.failures + 1, decision.retry_after))
        paused_until = self._be_patient(decision)
        due_at = max(due_at, paused_until or due_at)
        is_found = isinstance(decision, Doubt) and decision.is_found
        is_unanswered = isinstance(decision, Doubt) and not (is_found or decision.is_answered)
        if is_found:
            batch = replace(batch, unknown_since=batch.unknown_since or now)
        if outcome.was_sent:
            batch = replace(
                batch,
                in_flight=is_unanswered,
                # A person's order to send again stands while Thunderhead asks for patience.
                resend_ordered_at=batch.resend_ordered_at if isinstance(decision, Wait) else None,
                unknown_since=now if is_unanswered else batch.unknown_since,
            )
        return _Change(
            lambda tx: tx.batches.record_wait(batch, now, due_at), "retried", len(parcel.requests)
        )

    def _be_patient(self, decision: Wait | Doubt) -> datetime | None:
        """Leave Thunderhead alone as it asks; returns until when."""
        match decision:
            case Wait(reason, retry_after, is_forbidden=True):
                _logger.error("Thunderhead refuses our submissions", extra=self._because(reason))
                return self.pauses.begin(pausing.SUBMISSIONS, reason, retry_after)
            case Wait(reason, retry_after, pauses=True):
                _logger.warning("submissions wait for Thunderhead", extra=self._because(reason))
                return self.pauses.begin(pausing.THUNDERHEAD, reason, retry_after)
            case Doubt(reason, retry_after, is_found=True) if retry_after is not None:
                return self.pauses.begin(pausing.THUNDERHEAD, reason, retry_after)
            case Doubt(reason, retry_after, is_found=False, is_answered=False):
                self.pauses.note_failure(pausing.THUNDERHEAD, reason, retry_after)
        return None

    def _because(self, reason: str) -> dict[str, str]:
        return {"oms.runId": str(self.run.run_id), "event.reason": reason}

    def _resend(self, parcel: Parcel, decision: Resend) -> _Change:
        """Prepare the identical bytes for another send under the same reference."""
        again = self.assembler.again(parcel.batch, parcel.requests)
        if again is None:
            return self._held(parcel, "the bytes of the first send cannot be made again")
        sending = replace(
            again.batch,
            in_flight=True,
            last_send_at=self.leases.clock(),
            leased_until=self.leases.until(),
            unknown_since=None if decision.clears_doubt else again.batch.unknown_since,
            attempts=self._attempts(parcel.batch),
        )
        return _Change(
            lambda tx: tx.batches.mark_sending(sending),
            "retried",
            len(parcel.requests),
            (replace(again, batch=sending),),
        )

    def _dissolved(self, parcel: Parcel, decision: Dissolve) -> _Change:
        now = self.leases.clock()
        batch = parcel.batch
        by_id = {request.request_id: request for request in parcel.requests}
        successors = tuple(
            self.assembler.successor(batch, [by_id[request_id] for request_id in group])
            for group in decision.remaining
        )

        def apply(tx: Transaction) -> bool:
            if not tx.batches.dissolve(batch, now):
                return False
            if successors:
                tx.batches.insert([successor.batch for successor in successors])
            for successor in successors:
                tx.batched.move(successor.request_ids, batch.batch_id, successor.batch.batch_id)
            for request_id, failure in decision.failures.items():
                failed = tx.batched.change_status(
                    batch.batch_id,
                    RequestStatus.PROCESSING,
                    RequestStatus.FAILED,
                    now,
                    request_ids=[request_id],
                    failure=failure,
                )
                self._record(tx, failed, now)
            return True

        return _Change(apply, "failed", len(decision.failures), successors)

    def _record(
        self,
        tx: Transaction,
        requests: Sequence[DocumentRequest],
        now: datetime,
        reason: str | None = None,
    ) -> None:
        self.recorder.record(
            tx,
            requests,
            RequestStatus.PROCESSING,
            now,
            actor=PROCESSING,
            reason=reason,
            run_id=self.run.run_id,
        )
