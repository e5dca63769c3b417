"""The people: they cancel what is RECEIVED, send FAILED requests on again, and decide on HELD."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any
from uuid import UUID

from shared.composition import System, compose
from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused, ReferenceDataUnavailable
from shared.jobs.queries import Caller
from shared.jobs.request_storage import RequestFilter
from shared.settings import Settings
from tests.chaos.peers import TOPICS
from tests.integration.commands.processes import Environment, run

_CALLER = Caller("chaos")
_REASON = "a round of chaos"
_CHOICE = 200
_BY_COMMAND = 0.05
_LOOK_AGAIN_SECONDS = 0.5


class Operators:
    """Acts in this process, now and then by a command in one of its own."""

    def __init__(self, environment: Environment, dice: random.Random) -> None:
        self.done: Counter[str] = Counter()
        """Actions that were carried out."""
        self.refused: Counter[str] = Counter()
        """Actions that were not, by the code of the refusal."""
        self.strange: list[str] = []
        """Commands that ended as none should."""
        self._environment = environment
        self._dice = dice
        self._system = _compose(environment)

    def act_at_random(self, stop: threading.Event) -> None:
        """Cancel and reprocess requests until told to stop."""
        while not stop.wait(self._dice.uniform(0.0, 0.6)):
            action, status = self._dice.choice(
                [("cancel", RequestStatus.RECEIVED), ("reprocess", RequestStatus.FAILED)]
            )
            found = self._system.queries.page(
                RequestFilter(statuses=(status,)), _CHOICE, None, _CALLER
            )
            if found.requests:
                self._act(action, self._dice.choice(found.requests).request_id)

    def resolve_held(self, stop: threading.Event) -> None:
        """Have HELD batches sent again: safe, for this tenant's references are unique."""
        while not stop.wait(_LOOK_AGAIN_SECONDS):
            for held in self._system.held.waiting(100):
                self._command("resend", held.batch.batch_id)

    def close(self) -> None:
        """Close the connections."""
        self._system.close()

    def _act(self, action: str, request_id: UUID) -> None:
        if self._dice.random() < _BY_COMMAND:
            self._command(action, request_id)
            return
        operations = self._system.operations
        act = operations.cancel if action == "cancel" else operations.reprocess
        try:
            act(request_id, _CALLER, _REASON)
        except ActionRefused as refusal:
            self.refused[refusal.code] += 1
        except ReferenceDataUnavailable:
            self.refused["REFERENCE_DATA_UNAVAILABLE"] += 1
        else:
            self.done[action] += 1

    def _command(self, action: str, subject: UUID) -> None:
        options = ("--actor", _CALLER.name, "--reason", _REASON)
        ended = run(self._environment, "operations", action, str(subject), *options)
        if ended.returncode == 0:
            self.done[action] += 1
        elif ended.returncode == 1:
            self.refused[ended.stderr.strip().splitlines()[-1].partition(":")[0]] += 1
        else:
            self.strange.append(f"operations {action} ended {ended.returncode}: {ended.stderr}")


def _compose(environment: Environment) -> System:
    values: dict[str, Any] = {
        name.removeprefix("OMS_").lower(): value
        for name, value in environment.items()
        if name.startswith("OMS_")
    }
    return compose(Settings(**values | {"events_allowed_topics": TOPICS[1:]}))
