"""The processing job: claim → enrich → commit the intent → submit → record.

The run's own thread reads and writes the database; the pool's threads call Thunderhead. The
next claim is made while calls are under way, and their results are written together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import tracing
from shared.domain import submission
from shared.domain.models import Batch
from shared.domain.polling import PollingBounds
from shared.domain.retrying import Backoff
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.submission import Guarantees
from shared.jobs import pausing
from shared.jobs.assembling import Assembler, Parcel
from shared.jobs.calls import CallsUnderWay
from shared.jobs.claiming import Claiming
from shared.jobs.enriching import Enricher
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.ports import Thunderhead
from shared.jobs.runs import PROCESSING, Run, Runs
from shared.jobs.storage import Store
from shared.jobs.submission_results import SubmissionResults
from shared.jobs.submitting import Outcome, Submitter


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
        with self.runs.watched(run):
            pauses = Pauses(self.store, self.backoff, self.leases.clock, PROCESSING)
            pauses.load()
            with CallsUnderWay[Outcome](self.concurrency) as calls:
                _ProcessingRun(self, run, pauses, calls).drain()
            return self.runs.finish(run)


class _ProcessingRun:
    """One run: what is under way, and what it has learnt."""

    def __init__(
        self, job: ProcessingJob, run: Run, pauses: Pauses, calls: CallsUnderWay[Outcome]
    ) -> None:
        self._job = job
        self._run = run
        self._pauses = pauses
        self._calls = calls
        self._claiming = Claiming(
            job.store,
            job.enricher,
            job.assembler,
            job.recorder,
            job.leases,
            job.backoff,
            run,
            pauses,
        )
        self._submitter = Submitter(job.thunderhead, job.leases, job.guarantees, pauses)
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
        while self._may_submit() and self._recover(BatchState.SUBMITTING):
            self._follow_up(self._calls.finished())
        # PROCESSING first: what runs that died had claimed.
        for status in (RequestStatus.PROCESSING, RequestStatus.RECEIVED):
            while self._may_claim() and self._take_up(status):
                self._follow_up(self._calls.finished())
        # Last, and a few only: what a person has to decide on must not hold up what goes on.
        if self._job.guarantees.lookup_supported and self._may_submit():
            self._recover(BatchState.HELD)
        self._follow_up(self._calls.all_finished())

    def _submissions_are_paused(self) -> bool:
        return self._pauses.in_force(pausing.THUNDERHEAD, pausing.SUBMISSIONS)

    def _may_submit(self) -> bool:
        self._pauses.refresh()
        return self._job.runs.may_go_on(self._run) and not self._submissions_are_paused()

    def _may_claim(self) -> bool:
        return self._may_submit() and not self._pauses.in_force(pausing.REFERENCE_DATA)

    def _take_up(self, status: RequestStatus) -> bool:
        """Claim new work and start sending it; False if none was due."""
        parcels = self._claiming.take_up(status, self._calls.room)
        if parcels is None:
            return False
        self._send(parcels)
        return True

    def _recover(self, state: BatchState) -> bool:
        """Take up batches whose latest send has no clear answer, or is ordered again.

        HELD ones are only looked up: one that Thunderhead shows after all is released. Returns
        False if none was due.
        """
        job = self._job
        owner, now, until = job.leases.new_id(), job.leases.clock(), job.leases.until()
        claimed = job.store.write(
            lambda tx: tx.batches.claim(state, owner, now, until, job.concurrency)
        )
        for batch in claimed:
            self._find_out(batch)
        return bool(claimed)

    def _find_out(self, batch: Batch) -> None:
        is_held = batch.state is BatchState.HELD
        if not is_held and _sender_died(batch):
            # Its send was over before its lease was, and that has ended by now.
            batch = replace(batch, unknown_since=self._job.leases.clock())
        status = RequestStatus.HELD if is_held else RequestStatus.PROCESSING
        requests = self._job.store.read(lambda tx: tx.batched.of(batch.batch_id, status))
        if not requests:  # a person has decided since the claim
            self._run.counts["lost"] += batch.document_count
            return
        tracing.link_to(request.traceparent for request in requests)
        parcel = Parcel(batch, tuple(requests))
        self._run.counts["claimed"] += len(requests)
        step = None if is_held else submission.next_step(self._job.guarantees, batch)
        if step is None:
            self._calls.start(self._submitter.look_up, parcel)
        else:
            self._follow_up([[Outcome(parcel, step)]])

    def _follow_up(self, results: Iterable[Sequence[Outcome]]) -> None:
        """Record outcomes as they come in, and send what follows from them."""
        for outcomes in results:
            self._send(self._results.record(outcomes))

    def _send(self, parcels: Iterable[Parcel]) -> None:
        for parcel in parcels:
            self._calls.start(self._submitter.send, parcel)


def _sender_died(batch: Batch) -> bool:
    """Tell whether nobody recorded what became of the latest send."""
    sent_at = batch.last_send_at or batch.created_at
    return batch.in_flight and (batch.unknown_since is None or batch.unknown_since < sent_at)
