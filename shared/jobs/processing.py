"""The processing job: claim → enrich → commit the intent → submit → record.

The run's own thread reads and writes the database; the pool's threads call Thunderhead. The
next claim is made while calls are under way, and their results are written together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.domain import submission
from shared.domain.models import Batch, DocumentRequest
from shared.domain.retrying import Backoff
from shared.domain.settlement import PollingBounds
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.submission import Guarantees, Resend
from shared.domain.timing import after
from shared.errors import LeaseLost
from shared.jobs import pausing
from shared.jobs.assembling import Assembler, Parcel
from shared.jobs.enriching import Enriched, Enricher
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.ports import Thunderhead
from shared.jobs.runs import PROCESSING, Run, Runs
from shared.jobs.storage import Store, Transaction
from shared.jobs.submission_results import SubmissionResults
from shared.jobs.submitting import Outcome, Submitter

MAX_CLAIM = 500
"""Most requests per claim: SQL Server escalates to a table lock at about 5,000 locks."""


@dataclass(frozen=True, slots=True)
class ProcessingJob:
    """Runs the processing job. Every collaborator is passed in."""

    store: Store
    thunderhead: Thunderhead
    enricher: Enricher
    assembler: Assembler
    recorder: Recorder
    leases: Leases
    runs: Runs
    backoff: Backoff
    guarantees: Guarantees
    polling: PollingBounds
    concurrency: int

    def run(self) -> dict[str, Any]:
        """Do one run: everything that is due, within the budget. Returns its summary.

        Raises DatabaseUnavailable; what the run held is taken up again when its leases end.
        """
        run = self.runs.start(PROCESSING)
        pauses = Pauses(self.store, self.backoff, self.leases.clock, PROCESSING)
        pauses.load()
        pool = ThreadPoolExecutor(self.concurrency, "thunderhead")
        try:
            _ProcessingRun(self, run, pauses, pool).drain()
        finally:  # what has not been sent when a run fails must not be
            pool.shutdown(cancel_futures=True)
        return self.runs.finish(run)


@dataclass(slots=True)
class _Claim:
    """Requests that this run owns under one lease."""

    owner: UUID
    leased_until: datetime
    requests: Sequence[DocumentRequest]


class _ProcessingRun:
    """One run: what is under way, and what it has learnt."""

    def __init__(
        self, job: ProcessingJob, run: Run, pauses: Pauses, pool: ThreadPoolExecutor
    ) -> None:
        self._job = job
        self._run = run
        self._pauses = pauses
        self._pool = pool
        self._pending: set[Future[Outcome]] = set()
        self._submitter = Submitter(
            job.thunderhead, job.leases, job.guarantees, self._submissions_are_paused
        )
        self._results = SubmissionResults(
            job.store,
            job.assembler,
            job.recorder,
            job.leases,
            job.backoff,
            job.guarantees,
            job.polling,
            run,
            pauses,
        )

    def drain(self) -> None:
        """Take up what is due until nothing is, or the budget ends; then finish what is held."""
        while self._may_submit() and self._recover_intents():
            self._record_finished(at_most=2 * self._job.concurrency)
        # PROCESSING first: what runs that died had claimed.
        for status in (RequestStatus.PROCESSING, RequestStatus.RECEIVED):
            while self._may_claim() and self._take_up(status):
                self._record_finished(at_most=2 * self._job.concurrency)
        self._record_finished(at_most=0)

    def _submissions_are_paused(self) -> bool:
        return self._pauses.in_force(pausing.THUNDERHEAD, pausing.SUBMISSIONS)

    def _may_submit(self) -> bool:
        return self._job.runs.may_go_on(self._run) and not self._submissions_are_paused()

    def _may_claim(self) -> bool:
        return self._may_submit() and not self._pauses.in_force(pausing.REFERENCE_DATA)

    # --- intents without a clear answer ---------------------------------------------------

    def _recover_intents(self) -> bool:
        """Take up batches whose send has no clear answer, or is to be repeated; False if none."""
        job = self._job
        owner, now, until = job.leases.new_id(), job.leases.clock(), job.leases.until()
        claimed = job.store.write(
            lambda tx: tx.batches.claim(BatchState.SUBMITTING, owner, now, until, job.concurrency)
        )
        for batch in claimed:
            self._recover(batch)
        return bool(claimed)

    def _recover(self, batch: Batch) -> None:
        if _sender_died(batch):
            # Its send was over before its lease was, and that has ended by now.
            batch = replace(batch, unknown_since=self._job.leases.clock())
        requests = self._job.store.read(
            lambda tx: tx.requests.of_batch(batch.batch_id, RequestStatus.PROCESSING)
        )
        parcel = Parcel(batch, tuple(requests))
        self._run.counts["claimed"] += len(requests)
        in_doubt = batch.unknown_since is not None
        step = submission.next_step(self._job.guarantees) if in_doubt else Resend()
        if step is None:
            self._start(self._submitter.look_up, parcel)
        else:
            self._follow_up([Outcome(parcel, step)])

    # --- new work -------------------------------------------------------------------------

    def _take_up(self, status: RequestStatus) -> bool:
        """Claim some requests and bring them on their way; False if none was due."""
        job = self._job
        room = 3 * job.concurrency - len(self._pending)
        limit = min(MAX_CLAIM, room * job.assembler.max_documents)
        owner, now, until = job.leases.new_id(), job.leases.clock(), job.leases.until()

        def work(tx: Transaction) -> Sequence[DocumentRequest]:
            claimed = tx.requests.claim(status, owner, now, until, limit)
            if status is not RequestStatus.PROCESSING:
                self._record(tx, claimed, status, now)
            return claimed

        claim = _Claim(owner, until, job.store.write(work))
        self._run.counts["claimed"] += len(claim.requests)
        if claim.requests:
            try:
                self._bring_on_their_way(claim)
            except LeaseLost:
                self._run.counts["lost"] += len(claim.requests)
        return bool(claim.requests)

    def _bring_on_their_way(self, claim: _Claim) -> None:
        """Enrich a claim, commit the intents of its batches, and send them."""
        job = self._job
        enriched = job.enricher.enrich(claim.requests, lambda: self._keep(claim))
        if enriched.outage:
            self._pauses.begin(pausing.REFERENCE_DATA, str(enriched.outage))
        else:
            self._pauses.end(pausing.REFERENCE_DATA)
        parcels: list[Parcel] = []
        for key, requests in enriched.groups.items():
            for made in job.assembler.parcels(key, requests, claim.owner):
                if isinstance(made, Parcel):
                    parcels.append(made)
                else:
                    enriched.failures[made.failure].append(made.request)
        self._commit_intents(claim, enriched, parcels)
        for parcel in parcels:
            self._start(self._submitter.send, parcel)

    def _commit_intents(self, claim: _Claim, enriched: Enriched, parcels: Sequence[Parcel]) -> None:
        """Hand the claim to its batches, all or nothing; end or give back the others.

        Raises LeaseLost if another worker has taken over any of it; nothing is written then.
        """
        now = self._job.leases.clock()

        def work(tx: Transaction) -> tuple[int, int]:
            if parcels:
                tx.batches.insert([parcel.batch for parcel in parcels])
            for parcel in parcels:
                for topic, ids in _by_topic(parcel.requests):
                    batch_id = parcel.batch.batch_id
                    assigned = tx.requests.assign_to_batch(claim.owner, ids, batch_id, topic, now)
                    if assigned != len(ids):
                        raise LeaseLost(str(claim.owner))
            failed = 0
            for failure, requests in enriched.failures.items():
                for topic, ids in _by_topic(requests):
                    ended = tx.requests.fail_claimed(claim.owner, ids, failure, topic, now)
                    self._record(tx, ended, RequestStatus.PROCESSING, now)
                    failed += len(ended)
            return failed, self._release(tx, claim, enriched.unanswered, now)

        failed, released = self._job.store.write(work)
        self._run.counts["failed"] += failed
        self._run.counts["retried"] += released

    def _keep(self, claim: _Claim) -> None:
        """Renew a claim's lease if it could end during a call. Raises LeaseLost."""
        leases = self._job.leases
        if not leases.is_short(claim.leased_until):
            return
        claim.leased_until = leases.until()
        ids = [request.request_id for request in claim.requests]
        held = self._job.store.write(
            lambda tx: tx.requests.renew(claim.owner, ids, claim.leased_until)
        )
        if held != len(ids):
            raise LeaseLost(str(claim.owner))

    def _release(
        self, tx: Transaction, claim: _Claim, requests: Sequence[DocumentRequest], now: datetime
    ) -> int:
        """Give requests back: an outage costs them time, and nothing else."""
        by_failures: defaultdict[int, list[UUID]] = defaultdict(list)
        for request in requests:
            by_failures[request.failures].append(request.request_id)
        count = 0
        for failures, ids in by_failures.items():
            due_at = after(now, self._job.backoff.seconds(failures + 1))
            released = tx.requests.release(claim.owner, ids, now, due_at)
            self._record(
                tx, released, RequestStatus.PROCESSING, now, "no answer from reference data"
            )
            count += len(released)
        return count

    def _record(
        self,
        tx: Transaction,
        requests: Sequence[DocumentRequest],
        before: RequestStatus,
        now: datetime,
        reason: str | None = None,
    ) -> None:
        self._job.recorder.record(
            tx, requests, before, now, actor=PROCESSING, reason=reason, run_id=self._run.run_id
        )

    # --- calls under way ------------------------------------------------------------------

    def _start(self, step: Callable[[Parcel], Outcome], parcel: Parcel) -> None:
        self._pending.add(self._pool.submit(step, parcel))

    def _record_finished(self, at_most: int) -> None:
        """Record what has finished; wait until at most so many calls are under way."""
        while True:
            done = {future for future in self._pending if future.done()}
            self._pending -= done
            if done:
                self._follow_up([future.result() for future in done])
            elif len(self._pending) <= at_most:
                return
            else:
                wait(self._pending, return_when=FIRST_COMPLETED)

    def _follow_up(self, outcomes: Sequence[Outcome]) -> None:
        for parcel in self._results.record(outcomes):
            self._start(self._submitter.send, parcel)


def _sender_died(batch: Batch) -> bool:
    """Tell whether nobody recorded what became of the latest send."""
    sent_at = batch.last_send_at or batch.created_at
    return batch.in_flight and (batch.unknown_since is None or batch.unknown_since < sent_at)


def _by_topic(requests: Iterable[DocumentRequest]) -> Iterable[tuple[str, list[UUID]]]:
    """Group requests by the topic of their event."""
    groups: defaultdict[str, list[UUID]] = defaultdict(list)
    for request in requests:
        groups[request.event_topic or ""].append(request.request_id)
    return groups.items()
