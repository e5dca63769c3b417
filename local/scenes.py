"""Something of everything for the console: three days of work, and what goes wrong in them."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from local.children import StackFailed
from local.past import move_into_the_past, set_an_event_aside
from local.samples import load_samples
from local.stack import Stack
from shared.composition import open_store
from shared.store.database import SqlStore

ROUNDS = 9
"""How often each sample is sent for the three days that lie behind."""

_CALL_SECONDS = 10.0
_WAIT_SECONDS = 60.0
_ACTOR = ("--actor", "Robin Example (robin@example.com)")
_PAUSED = "1709524444"
"""The configuration of claims, of which nothing is submitted."""


def play_scenes(stack: Stack) -> None:
    """Bring every state about. Raises StackFailed and Stopped."""
    with setting(stack) as scenes:
        scenes.days_gone_by()
        scenes.submission_refused()
        scenes.given_up()
        scenes.held()
        scenes.paused()
        scenes.event_refused()


@contextlib.contextmanager
def setting(stack: Stack) -> Iterator[Scenes]:
    """Open what scenes need."""
    with (
        requests.Session() as session,
        contextlib.closing(open_store(stack.database_url)) as store,
    ):
        session.trust_env = False
        yield Scenes(stack, session, store)


class Scenes:
    """The scenes, each of which leaves something behind to look at."""

    def __init__(self, stack: Stack, session: requests.Session, store: SqlStore) -> None:
        self._stack = stack
        self._session = session
        self._store = store
        self._numbers = itertools.count(1001)
        self._samples = {sample.name[:2]: sample.request for sample in load_samples()}

    def days_gone_by(self) -> None:
        """Let every sample be processed several times, and move that into the past."""
        accepted = [number for number in self._samples if int(number) <= 14]
        self.send(*accepted * ROUNDS)
        self.all_done()
        self._wait_for_events()
        move_into_the_past(self._stack.database_url)

    def all_done(self) -> None:
        """Wait until no request is on its way."""
        self._wait(lambda: not self._count("RECEIVED", "PROCESSING", "SUBMITTED"))

    def submission_refused(self) -> str:
        """Let Thunderhead refuse a document; returns the id of the request, FAILED by then."""
        failed = self._count("FAILED")
        with self.fault(operation="submit", kind="status", status=422):
            refused = self.send("10")
            self._wait(lambda: self._count("FAILED") > failed)
        self._wait_for_events()
        return refused

    def held(self, *numbers: str) -> None:
        """Let Thunderhead answer a submission with what means nothing to us."""
        held = self._count("HELD")
        with self.fault(operation="submit", kind="status", status=410, times=1):
            self.send(*numbers or ("05", "05", "06"))
            self._wait(lambda: self._count("HELD") > held)

    def given_up(self) -> None:
        """Let an operator give a HELD batch up."""
        self.held("07")
        [batch] = self._store.read(lambda tx: tx.batches.held(1))
        reason = ("--reason", "Withdrawn by the business, INC-2041")
        self._stack.operate("abandon", str(batch.batch_id), *_ACTOR, *reason)

    def paused(self) -> None:
        """Pause the submissions of claims, and cancel one of those that wait."""
        reason = ("--reason", "Wrong letterhead on claims since noon, INC-2042")
        self._stack.operate("pause", "--batch-config", _PAUSED, *_ACTOR, *reason)
        received = self._count("RECEIVED")
        last = self.send("08", "09", "08", "09", "08")
        self._wait(lambda: self._count("RECEIVED") >= received + 5)
        self._stack.operate("cancel", last, *_ACTOR, "--reason", "Sent in error, INC-2043")

    def event_refused(self) -> None:
        """Set an event aside, as the job does when the broker refuses it for good."""
        set_an_event_aside(self._stack.database_url)

    def send(self, *numbers: str) -> str:
        """Send samples under new correlation ids; returns the id of the last request."""
        items = [
            self._samples[number] | {"requestCorrelationId": f"REQ-{next(self._numbers)}"}
            for number in numbers
        ]
        answer = self._session.post(
            f"{self._stack.requests_url}/batch", json={"items": items}, timeout=_CALL_SECONDS
        )
        answer.raise_for_status()
        last: str = answer.json()["items"][-1]["requestId"]
        return last

    @contextlib.contextmanager
    def fault(self, **fault: Any) -> Iterator[None]:
        """Let calls of Thunderhead go wrong while the context is open."""
        control = self._stack.thunderhead_url.removesuffix("/thunderhead/v1")
        url = f"{control}/_simulator/faults"
        media = {"Content-Type": "application/json"}
        self._session.post(
            url, data=json.dumps([fault]), headers=media, timeout=_CALL_SECONDS
        ).raise_for_status()
        try:
            yield
        finally:
            self._session.delete(url, timeout=_CALL_SECONDS).raise_for_status()

    def _count(self, *statuses: str) -> int:
        url = f"{self._stack.requests_url}/summary"
        counts: dict[str, int] = self._session.get(url, timeout=_CALL_SECONDS).json()["counts"]
        return sum(counts[status] for status in statuses)

    def _wait_for_events(self) -> None:
        """Wait until every event is published: only then a request may be reprocessed."""
        self._wait(lambda: not self._store.read(lambda tx: tx.outbox.depth(1)).pending.number)

    def _wait(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                raise StackFailed(f"What was waited for did not happen within {_WAIT_SECONDS:g} s.")
            self._stack.children.pause(0.2)
