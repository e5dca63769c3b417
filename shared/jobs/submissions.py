"""Pausing and resuming submissions by hand: all, or those of one batch configuration."""

from __future__ import annotations

import logging

from shared.domain.models import Pause
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs import pausing
from shared.jobs.audit import Order, refusals_recorded
from shared.jobs.console_models import ActionName, TargetKind
from shared.jobs.queries import Caller
from shared.jobs.request_storage import MOST_BROUGHT_FORWARD
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)


class Submissions:
    """Holds back what would be submitted. Runs under way notice within seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def pause(self, caller: Caller, reason: str, batch_config_id: str | None = None) -> None:
        """Submit nothing (of a batch configuration) until somebody resumes.

        What is due waits as RECEIVED. Raises ActionRefused (ALREADY_PAUSED: whoever resumes
        would else end the pause of two people) and DatabaseUnavailable.
        """
        name = pausing.submissions_of(batch_config_id)
        order = self._order(ActionName.PAUSE, name, caller, reason)
        pause = Pause(name, order.at, None, 0, reason, caller.name)

        def work(tx: Transaction) -> None:
            before = tx.pauses.all().get(name)
            if before and before.is_by_hand:
                raise ActionRefused(
                    "ALREADY_PAUSED", f"These submissions are paused already, by {before.actor}."
                )
            tx.pauses.extend(pause)
            tx.operator_actions.add(order.done())

        with refusals_recorded(self._store, order):
            self._store.write(work)
        _logger.warning("submissions paused", extra=_logged(name, caller, reason))

    def resume(self, caller: Caller, reason: str, batch_config_id: str | None = None) -> None:
        """End such a pause; everything that waits is due at once.

        Raises ActionRefused (NOT_PAUSED) and DatabaseUnavailable.
        """
        name = pausing.submissions_of(batch_config_id)
        order = self._order(ActionName.RESUME, name, caller, reason)

        def work(tx: Transaction) -> None:
            if not tx.pauses.remove(name):
                raise ActionRefused("NOT_PAUSED", "These submissions are not paused.")
            tx.operator_actions.add(order.done())

        with refusals_recorded(self._store, order):
            self._store.write(work)
        _logger.warning("submissions resumed", extra=_logged(name, caller, reason))
        now = self._clock()

        def bring_forward(tx: Transaction) -> int:
            return max(tx.requests.bring_forward(now), tx.batches.bring_forward(now))

        while self._store.write(bring_forward) >= MOST_BROUGHT_FORWARD:
            pass

    def _order(self, action: ActionName, name: str, caller: Caller, reason: str) -> Order:
        return Order(self._clock(), caller, action, TargetKind.SUBMISSIONS, name, reason)


def _logged(name: str, caller: Caller, reason: str) -> dict[str, str]:
    return {"oms.pause": name, "user.name": caller.name, "event.reason": reason}
