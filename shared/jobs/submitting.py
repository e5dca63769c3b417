"""One batch and Thunderhead: send it, or find out what became of an earlier send.

Runs on a thread of the pool; it calls Thunderhead and decides, and leaves every write (but the
renewal of the lease) to the run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared import tracing
from shared.domain import submission
from shared.domain.submission import Adopt, Decision, Guarantees, Wait
from shared.domain.thunderhead import CallFailed, Forbidden, NotSent, Unknown
from shared.errors import LeaseLost
from shared.jobs import pausing
from shared.jobs.assembling import Parcel
from shared.jobs.leasing import Leases
from shared.jobs.pausing import Pauses
from shared.jobs.ports import Thunderhead


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a parcel; without a decision, another worker owns it now."""

    parcel: Parcel
    decision: Decision | None
    thunderhead_answered: bool = False
    """Thunderhead gave a usable answer, so it is not down as a whole."""
    was_sent: bool = False
    """A send was attempted: what is decided, is decided of its answer."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Advances one batch by one step."""

    thunderhead: Thunderhead
    leases: Leases
    guarantees: Guarantees
    pauses: Pauses

    def send(self, parcel: Parcel) -> Outcome:
        """Send a batch whose intent is committed."""
        if self._is_paused(parcel):
            not_now = Wait("submissions are paused", pauses=False)
            return Outcome(parcel, not_now, was_sent=True)
        try:
            with tracing.of_requests("submit", parcel.requests, parcel.batch.batch_id):
                return self._sent(self._leased(parcel))
        except LeaseLost:
            return Outcome(parcel, None)

    def look_up(self, parcel: Parcel) -> Outcome:
        """Look for a batch that an earlier send may have created."""
        if self._is_paused(parcel):
            return Outcome(parcel, Wait("submissions are paused", pauses=False))
        try:
            with tracing.of_requests("look up", parcel.requests, parcel.batch.batch_id):
                return self._found(self._leased(parcel))
        except LeaseLost:
            return Outcome(parcel, None)

    def _sent(self, parcel: Parcel) -> Outcome:
        answer = self.thunderhead.submit(parcel.payload, parcel.traceparent)
        decision = submission.decide(answer, parcel.batch, parcel.request_ids)
        answered = not isinstance(answer, Unknown | NotSent)
        if isinstance(answer, Forbidden):
            # Here, and not only once it is recorded: more are waiting to be sent.
            self.pauses.keep_for_this_run(pausing.SUBMISSIONS)
        return Outcome(parcel, self._compared(parcel, decision), answered, was_sent=True)

    def _found(self, parcel: Parcel) -> Outcome:
        batch = parcel.batch
        lookup = self.thunderhead.find(batch.client_reference, parcel.traceparent)
        decision = submission.after_lookup(lookup, batch, self.guarantees, self.leases.clock())
        answered = not isinstance(lookup, CallFailed)
        return Outcome(parcel, self._compared(parcel, decision), answered)

    def _is_paused(self, parcel: Parcel) -> bool:
        its_own = pausing.submissions_of(parcel.batch.batch_config_id)
        return self.pauses.in_force(pausing.THUNDERHEAD, pausing.SUBMISSIONS, its_own)

    def _compared(self, parcel: Parcel, decision: Decision) -> Decision:
        """Adopt a batch that Thunderhead already has only if its documents are ours."""
        if not isinstance(decision, Adopt):
            return decision
        self._leased(parcel)
        documents = self.thunderhead.documents(decision.thunderhead_batch_id, parcel.traceparent)
        return submission.after_comparison(
            documents,
            parcel.request_ids,
            decision.thunderhead_batch_id,
            is_visible_by_now=submission.is_visible_by_now(
                parcel.batch, self.guarantees, self.leases.clock()
            ),
        )

    def _leased(self, parcel: Parcel) -> Parcel:
        return replace(parcel, batch=self.leases.covering(parcel.batch))
