"""One round: everything at once for a while, then calm, until nothing is left to do."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from tests.chaos.crew import Crew
from tests.chaos.fleet import fleet, kill_at_random
from tests.chaos.operators import Operators
from tests.chaos.peers import Peers
from tests.chaos.plan import Plan, outages
from tests.chaos.source_system import POSTERS, SourceSystem, is_live
from tests.integration.commands.processes import run, summary_of

STALL_SECONDS = 60.0
"""Longer than any lease, backoff or time-out of a round: what stands still so long is stuck."""
DRAIN_SECONDS = 600.0
_FRAME_SECONDS = 0.5
_MOST = 0.9
_PATIENCE = 4
"""How many times its time chaos may last until most requests have ended."""
_TERMINAL = frozenset({"COMPLETED", "FAILED"})


@dataclass(frozen=True, slots=True)
class State:
    """How a round stands."""

    phase: str
    seconds: float
    posted: int
    statuses: Counter[str]
    open_batches: int
    unpublished: int
    faults: int
    kills: int
    outages: int
    actions: Counter[str]
    refused: int
    events: int

    @property
    def ended(self) -> int:
        """Count the requests at their end."""
        return sum(self.statuses[status] for status in _TERMINAL)

    @property
    def progress(self) -> tuple[object, ...]:
        """What changes while something is being done."""
        return self.posted, tuple(self.statuses.items()), self.open_batches, self.unpublished

    @property
    def is_idle(self) -> bool:
        """Nothing is left that a run could do."""
        return set(self.statuses) <= _TERMINAL and not self.open_batches + self.unpublished


class Round:
    """A round, and what it has brought about."""

    def __init__(self, plan: Plan, peers: Peers, show: Callable[[State], None]) -> None:
        self.slots = fleet(plan, peers.environment, peers.api_port, peers.directory)
        self.source_system = SourceSystem(plan, peers.api_url)
        self.operators = Operators(peers.environment, plan.dice("operators"))
        self.outages: Counter[str] = Counter()
        self._faults = 0
        self._events = 0
        self.published_late = 0
        """Events that were still published when all seemed to be done."""
        self._plan = plan
        self._peers = peers
        self._show = show
        self._started = 0.0
        self._phase = "chaos"

    def run(self) -> State:
        """Run it to its end, which is calm; returns how it stands then."""
        with Crew() as system, Crew() as clients:
            for slot in self.slots:
                system.start(slot.run)
            system.start(self.operators.resolve_held)
            while not is_live(self._peers.api_url):
                self._pause(system)
            self._peers.arm()
            self._started = time.monotonic()
            for _ in range(POSTERS):
                clients.start(self.source_system.post_all, self._started)
            with Crew() as chaos:
                self._start_chaos(chaos)
                while not self._is_enough(self._frame(system, clients, chaos)):
                    pass
            self._faults = self._peers.faults_hit()
            self._peers.disarm()
            self._phase = "draining"
            self._drain(system, clients)
        self.operators.close()
        self._phase = "over"
        state = self._look()
        return self._run_once_more() if state.is_idle else state

    def _is_enough(self, state: State) -> bool:
        """Tell whether chaos may end: on a slow machine, time alone would spare most requests."""
        plan = self._plan
        most_have_ended = state.ended >= _MOST * plan.requests
        return state.seconds >= plan.seconds * (1 if most_have_ended else _PATIENCE)

    def _drain(self, system: Crew, clients: Crew) -> None:
        """Wait until nothing is left to do, or nothing changes any more."""
        began = changed = self._seconds()
        before = None
        while not ((state := self._frame(system, clients)).is_idle and clients.is_done()):
            if state.progress != before:
                before, changed = state.progress, state.seconds
            if state.seconds > min(changed + STALL_SECONDS, began + DRAIN_SECONDS):
                return

    def _start_chaos(self, chaos: Crew) -> None:
        plan, peers = self._plan, self._peers
        chaos.start(kill_at_random, self.slots, plan.dice("kills"))
        chaos.start(self.operators.act_at_random)
        chaos.start(self._outages, "broker", peers.without_broker)
        chaos.start(self._outages, "reference data", peers.without_reference_data)

    def _outages(
        self,
        part: str,
        outage: Callable[[], AbstractContextManager[None]],
        stop: threading.Event,
    ) -> None:
        for begin, length in outages(self._plan, part):
            if stop.wait(begin - self._seconds()):
                return
            with outage():
                self.outages[part] += 1
                stop.wait(length)

    def _frame(self, *crews: Crew) -> State:
        """Let a moment pass and show how things stand; raises what went wrong in a thread."""
        self._pause(*crews)
        return self._look()

    def _pause(self, *crews: Crew) -> None:
        self._peers.children.pause(_FRAME_SECONDS)
        for crew in crews:
            crew.is_done()

    def _look(self) -> State:
        self._events += self._peers.new_events()
        if self._phase == "chaos":
            self._faults = self._peers.faults_hit()
        with closing(sqlite3.connect(f"file:{self._peers.database}?mode=ro", uri=True)) as database:
            count = "SELECT status, count(*) FROM document_requests GROUP BY status"
            statuses = Counter(dict(database.execute(count).fetchall()))
            open_batches, unpublished = database.execute(
                "SELECT (SELECT count(*) FROM batches WHERE state IN ('SUBMITTING', 'SUBMITTED')),"
                " (SELECT count(*) FROM outbox WHERE state <> 'PUBLISHED')"
            ).fetchone()
        state = State(
            phase=self._phase,
            seconds=self._seconds(),
            posted=self.source_system.posted,
            statuses=statuses,
            open_batches=open_batches,
            unpublished=unpublished,
            faults=self._faults,
            kills=sum(slot.kills for slot in self.slots),
            outages=self.outages.total(),
            actions=self.operators.done,
            refused=self.operators.refused.total(),
            events=self._events,
        )
        self._show(state)
        return state

    def _run_once_more(self) -> State:
        """With nobody else at work: a last run of each job finds nothing to publish."""
        for job in ("process", "monitor"):
            ended = summary_of(run(self._peers.environment, job, "--until-idle"))
            self.published_late += ended["published"]
        return self._look()

    def _seconds(self) -> float:
        return time.monotonic() - self._started
