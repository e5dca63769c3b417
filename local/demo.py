"""The show: the samples on their way from HTTP request to consumed event, and a verdict."""

import time
from typing import Any

import requests

from local.journeys import Journey, SeenEvent, differences
from local.samples import load_samples
from local.screen import Screen
from local.stack import Stack, running_stack
from local.stopping import StopSignals

LIMIT_SECONDS = 120.0
_CALL_SECONDS = 10.0
_FRAME_SECONDS = 0.2
# Runs of the monitoring job after the last event: a second one would publish what a first left.
_QUIET_RUNS = 2

_CLAIMING = (
    "The processing timer claims the requests, adds configuration and transaction "
    "data, groups them into batches and submits those to Thunderhead."
)
_GENERATING = (
    "Thunderhead generates the documents, 2 to 5 s a batch. The monitoring timer asks how far "
    "each batch is, settles every document by itself and publishes the outcomes to Kafka."
)
_QUIET = (
    "Every request has its outcome and its event. Two more runs of the monitoring job have to "
    "pass without a second event for anyone."
)


class Demo:
    """One run of the show on a running stack."""

    def __init__(self, stack: Stack, screen: Screen) -> None:
        self._stack = stack
        self._screen = screen
        self._session = requests.Session()
        self._session.trust_env = False
        self.journeys: list[Journey] = []
        self._strays: list[str] = []

    def run(self, deadline: float) -> list[str]:
        """Show it all; returns in what it was not as expected."""
        with self._session:
            self._submit()
            with self._screen.following(self.journeys):
                in_time = self._follow(deadline)
            self._screen.closing(self.journeys)
        wrong = differences(self.journeys) + self._strays
        if not in_time:
            wrong.insert(0, f"It was not over after {LIMIT_SECONDS:g} s and was given up.")
        return wrong

    def _submit(self) -> None:
        samples = load_samples()
        self._screen.stage(
            f"Submitting {len(samples)} sample requests",
            f"as a source system does: POST {self._stack.requests_url}",
        )
        for sample in samples:
            response = self._session.post(
                self._stack.requests_url,
                data=sample.body,
                headers={"Content-Type": "application/json"},
                timeout=_CALL_SECONDS,
            )
            self.journeys.append(
                Journey(sample, response.status_code, _answer(response), time.monotonic())
            )
        self._screen.submitted(self.journeys)

    def _follow(self, deadline: float) -> bool:
        """Show how things stand until all is over; false where that took too long."""
        runs: set[str] = set()
        while len(runs) <= _QUIET_RUNS:
            if time.monotonic() > deadline:
                return False
            self._stack.children.pause(_FRAME_SECONDS)
            over = all(journey.has_ended for journey in self.journeys)
            # The first one seen may have begun before the last event; those after it count.
            runs = runs | {self._last_monitoring_run()} if over else set()
            self._read_statuses()
            self._read_events()
            self._screen.follow(_QUIET if over else self._sentence())
        return True

    def _sentence(self) -> str:
        waiting = any(journey.status in ("RECEIVED", "PROCESSING") for journey in self.journeys)
        return _CLAIMING if waiting else _GENERATING

    def _read_statuses(self) -> None:
        page = self._get(f"{self._stack.requests_url}?limit=200")
        resources = {resource["requestId"]: resource for resource in page["items"]}
        for journey in self.journeys:
            if journey.is_accepted:
                journey.answer = resources[journey.answer["requestId"]]

    def _read_events(self) -> None:
        journeys = {journey.answer.get("requestId"): journey for journey in self.journeys}
        now = time.monotonic()
        for message in self._stack.new_events():
            event = SeenEvent(message, now)
            journey = journeys.get(message["key"])
            if journey is None or event.envelope.get("subject") != message["key"]:
                self._strays.append(f"An event that belongs to no request: {message}")
            else:
                journey.events.append(event)
                self._screen.event(journey, event)

    def _last_monitoring_run(self) -> str:
        jobs = self._get(f"{self._stack.api_url}/health/ready")["jobs"]
        return next((job["finishedAt"] for job in jobs if job["job"] == "monitoring"), "")

    def _get(self, url: str) -> dict[str, Any]:
        response = self._session.get(url, timeout=_CALL_SECONDS)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = response.json()
    except requests.JSONDecodeError:
        return {"detail": response.text}
    return answer


def run_demo(stop: StopSignals, screen: Screen) -> int:
    """Run the show from nothing to the verdict; returns the exit code."""
    started = time.monotonic()
    screen.title()
    screen.stage(
        "Starting the system on this machine",
        "The API, both timers and an event consumer as processes of their own; the rest simulated.",
    )
    with running_stack(stop, screen.note) as stack:
        demo = Demo(stack, screen)
        wrong = demo.run(started + LIMIT_SECONDS)
        stack.keeps_files = bool(wrong)
    if wrong:
        screen.failure(wrong, f"The logs and the database are in {stack.directory}")
        return 1
    screen.success(demo.journeys, time.monotonic() - started)
    return 0
