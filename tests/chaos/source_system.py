"""The client: posts its requests, and the same pair again until it knows what became of it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import requests

from local.samples import load_samples
from tests.chaos.plan import Plan

POSTERS = 4
_CALL_SECONDS = 10.0
_AGAIN_SECONDS = 0.3
_MOST_ITEMS = 20

Pair = tuple[str, str]
Body = dict[str, Any]


class SourceSystem:
    """Posts the requests of a round over its time, from several threads."""

    def __init__(self, plan: Plan, api_url: str) -> None:
        self.total = plan.requests
        self.answers: defaultdict[Pair, set[str]] = defaultdict(set)
        """The request ids that were answered with 202 or 200, by pair: one each, hopefully."""
        self.complaints: list[str] = []
        """Answers that a correct request never gets, whatever is down."""
        self.calls: Counter[str] = Counter()
        """How calls ended: the status, or the kind of the connection's error."""
        self._url = f"{api_url}/api/v1/document-requests"
        self._dice = plan.dice("source-system")
        self._queue: SimpleQueue[tuple[float, list[Body]]] = SimpleQueue()
        for entry in self._timetable(plan):
            self._queue.put(entry)

    @property
    def posted(self) -> int:
        """Count the requests that are known to be accepted."""
        return len(self.answers)

    def post_all(self, started: float, stop: threading.Event) -> None:
        """Post until all are answered, or told to stop; several threads may do so at once."""
        with requests.Session() as session:
            session.trust_env = False
            while not stop.is_set():
                try:
                    due, bodies = self._queue.get_nowait()
                except Empty:
                    return
                stop.wait(max(0.0, started + due - time.monotonic()))
                while bodies and not stop.is_set():
                    bodies = self._post(session, bodies)
                    if bodies:
                        stop.wait(_AGAIN_SECONDS)

    def _timetable(self, plan: Plan) -> Iterator[tuple[float, list[Body]]]:
        """Yield when to post what: single requests, and up to twenty in one call."""
        dice = self._dice
        templates = [s.request for s in load_samples() if s.expected["outcome"] != "REFUSED"]
        number = 0
        while number < plan.requests:
            most = min(_MOST_ITEMS, plan.requests - number)
            size = dice.randint(2, most) if most > 1 and dice.random() < 0.1 else 1
            due = plan.seconds * number / plan.requests
            bodies = [
                dice.choice(templates) | {"requestCorrelationId": f"CHAOS-{number + item:05}"}
                for item in range(size)
            ]
            number += size
            yield due, bodies
            if dice.random() < 0.05:  # it was not sure, and asks again
                yield due, bodies

    def _post(self, session: requests.Session, bodies: list[Body]) -> list[Body]:
        """Post bodies; returns those whose outcome is not known, to be posted again."""
        is_single = len(bodies) == 1
        url, body = (self._url, bodies[0]) if is_single else (f"{self._url}/batch", None)
        try:
            response = session.post(url, json=body or {"items": bodies}, timeout=_CALL_SECONDS)
            answer = response.json()
        except requests.RequestException as error:
            self.calls[type(error).__name__] += 1
            return bodies
        self.calls[str(response.status_code)] += 1
        if is_single:
            return bodies if not self._note(bodies[0], response.status_code, answer) else []
        if response.status_code == 503:
            return bodies
        if response.status_code != 207:
            self._complain(bodies, response.status_code, answer)
            return []
        return [
            bodies[item["index"]]
            for item in answer["items"]
            if not self._note(bodies[item["index"]], item["status"], item)
        ]

    def _note(self, body: Body, status: int, answer: dict[str, Any]) -> bool:
        """Note an answer; False where the same pair is to be posted again."""
        if status == 503:
            return False
        if status in (200, 202):
            pair = (body["sourceSystem"], body["requestCorrelationId"])
            self.answers[pair].add(answer["requestId"])
        else:
            self._complain([body], status, answer)
        return True

    def _complain(self, bodies: Sequence[Body], status: int, answer: dict[str, Any]) -> None:
        first = bodies[0]["requestCorrelationId"]
        self.complaints.append(f"{first} was answered {status}: {json.dumps(answer)[:500]}")


def is_live(api_url: str) -> bool:
    """Tell whether the API answers."""
    with contextlib.suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False
        return session.get(f"{api_url}/health/live", timeout=1).ok
    return False
