"""New work of a processing run: claim, enrich, commit the intents of the batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared import tracing
from shared.domain.models import DocumentRequest
from shared.domain.retrying import Backoff
from shared.domain.statuses import RequestStatus
from shared.domain.timing import after
from shared.errors import LeaseLost
from shared.jobs import pausing
from shared.jobs.assembling import Assembler, Parcel
from shared.jobs.enriching import Enriched, Enricher
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.runs import PROCESSING, Run
from shared.jobs.storage import Store, Transaction

MAX_CLAIM = 500
"""Most requests per claim: SQL Server escalates to a table lock at about 5,000 locks."""

PAUSED_SECONDS = 3600.0
"""How long requests of a paused configuration are left alone: each look at one is history."""


@dataclass(slots=True)
class _Claim:
    """Requests that this run owns under one lease."""

    owner: UUID
    leased_until: datetime
    requests: Sequence[DocumentRequest]


@dataclass(frozen=True, slots=True)
class Claiming:
    """Takes up new work for one run."""

    store: Store
    enricher: Enricher
    assembler: Assembler
    recorder: Recorder
    leases: Leases
    backoff: Backoff
    run: Run
    pauses: Pauses

    def take_up(self, status: RequestStatus, max_batches: int) -> Sequence[Parcel] | None:
        """Claim due requests of a status and commit their intents.

        Returns the batches that are to be sent; None if no request was due.
        """
        limit = min(MAX_CLAIM, max_batches * self.assembler.max_documents)
        owner, now, until = self.leases.new_id(), self.leases.clock(), self.leases.until()

        def work(tx: Transaction) -> Sequence[DocumentRequest]:
            claimed = tx.claimed.take(status, owner, now, until, limit)
            if status is not RequestStatus.PROCESSING:
                self._record(tx, claimed, status, now)
            return claimed

        claim = _Claim(owner, until, self.store.write(work))
        self.run.counts["claimed"] += len(claim.requests)
        tracing.link_to(request.traceparent for request in claim.requests)
        if not claim.requests:
            return None
        try:
            return self._intents(claim)
        except LeaseLost:
            self.run.counts["lost"] += len(claim.requests)
            return ()

    def _intents(self, claim: _Claim) -> Sequence[Parcel]:
        """Enrich a claim and commit the intents of its batches."""
        enriched = self.enricher.enrich(claim.requests, lambda: self._keep(claim))
        if enriched.outage:
            self.pauses.begin(pausing.REFERENCE_DATA, str(enriched.outage))
        else:
            self.pauses.end(pausing.REFERENCE_DATA)
        parcels: list[Parcel] = []
        paused: list[DocumentRequest] = []
        for key, requests in enriched.groups.items():
            if self.pauses.in_force(pausing.submissions_of(key.batch_config_id)):
                paused.extend(requests)
                continue
            for made in self.assembler.parcels(key, requests, claim.owner):
                if isinstance(made, Parcel):
                    parcels.append(made)
                else:
                    enriched.failures[made.failure].append(made.request)
        self._commit(claim, enriched, parcels, paused)
        return parcels

    def _commit(
        self,
        claim: _Claim,
        enriched: Enriched,
        parcels: Sequence[Parcel],
        paused: Sequence[DocumentRequest],
    ) -> None:
        """Hand the claim to its batches, all or nothing; end or give back the others.

        Raises LeaseLost if another worker has taken over any of it; nothing is written then.
        """
        now = self.leases.clock()
        batch_of = {one: parcel.batch.batch_id for parcel in parcels for one in parcel.request_ids}

        def work(tx: Transaction) -> tuple[int, int]:
            tx.batches.insert([parcel.batch for parcel in parcels])
            for topic, ids in enriched.by_topic(batch_of):
                assigned = tx.claimed.assign_to_batches(
                    claim.owner, {one: batch_of[one] for one in ids}, topic, now
                )
                if assigned != len(ids):
                    raise LeaseLost(str(claim.owner))
            failed = 0
            for failure, requests in enriched.failures.items():
                for topic, ids in enriched.by_topic(one.request_id for one in requests):
                    ended = tx.claimed.fail(claim.owner, ids, failure, topic, now)
                    self._record(tx, ended, RequestStatus.PROCESSING, now)
                    failed += len(ended)
            released = self._release(tx, claim, enriched.unanswered, now)
            return failed, released + self._set_aside(tx, claim, paused, now)

        failed, released = self.store.write(work)
        self.run.counts["failed"] += failed
        self.run.counts["retried"] += released

    def _keep(self, claim: _Claim) -> None:
        """Renew a claim's lease if it could end during a call. Raises LeaseLost."""
        leases = self.leases
        if not leases.is_short(claim.leased_until):
            return
        claim.leased_until = leases.until()
        ids = [request.request_id for request in claim.requests]
        held = self.store.write(lambda tx: tx.claimed.renew(claim.owner, ids, claim.leased_until))
        if held != len(ids):
            raise LeaseLost(str(claim.owner))

    def _release(
        self,
        tx: Transaction,
        claim: _Claim,
        requests: Sequence[DocumentRequest],
        now: datetime,
    ) -> int:
        """Give requests back: an outage costs them time, and nothing else."""
        by_failures: defaultdict[int, list[UUID]] = defaultdict(list)
        for request in requests:
            by_failures[request.failures].append(request.request_id)
        count = 0
        for failures, ids in by_failures.items():
            due_at = after(now, self.backoff.seconds(failures + 1))
            released = tx.claimed.release(claim.owner, ids, now, due_at)
            self._record(
                tx, released, RequestStatus.PROCESSING, now, "no answer from reference data"
            )
            count += len(released)
        return count

    def _set_aside(
        self, tx: Transaction, claim: _Claim, requests: Sequence[DocumentRequest], now: datetime
    ) -> int:
        """Give back requests whose configuration is paused; the resumption makes them due."""
        ids = [request.request_id for request in requests]
        released = tx.claimed.release(claim.owner, ids, now, after(now, PAUSED_SECONDS))
        self._record(
            tx, released, RequestStatus.PROCESSING, now, "its batch configuration is paused"
        )
        return len(released)

    def _record(
        self,
        tx: Transaction,
        requests: Sequence[DocumentRequest],
        before: RequestStatus,
        now: datetime,
        reason: str | None = None,
    ) -> None:
        self.recorder.record(
            tx, requests, before, now, actor=PROCESSING, reason=reason, run_id=self.run.run_id
        )
