from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functions.peers import Peers
from tests.functions.processes import WorkerProcess, worker_processes
from tests.functions.settings import invoice, settings
from tests.functions.worker import InvocationFailed, Load, LoadedFunction, succeeded
from tests.functions.worker_process import summary_in
from tests.integration.waiting import wait_for

REQUESTS = "/api/v1/document-requests"
COUNT = 24
"""Documents in two at a time: twelve batches."""

each_timer = pytest.mark.parametrize("name", ["ProcessingTimer", "MonitoringTimer"])


@pytest.fixture
def api(load: Load, peers: Peers) -> LoadedFunction:
    return load("DocumentRequestApi", peers.settings)


@pytest.fixture
def submitted(api: LoadedFunction) -> set[str]:
    """The ids of so many requests, accepted by the HTTP function."""
    items = [invoice(f"REQ-{number:03}") for number in range(COUNT)]
    answers = api.post_json(f"{REQUESTS}/batch", {"items": items}).json()["items"]
    assert {answer["status"] for answer in answers} == {202}
    return {answer["requestId"] for answer in answers}


def statuses(api: LoadedFunction) -> Counter[str]:
    page = api.http("GET", f"{REQUESTS}?limit={COUNT}").json()
    return Counter(item["status"] for item in page["items"])


def summaries(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the summaries of the runs that have been logged."""
    return [found for record in caplog.records if (found := summary_in(record))]


def warnings_of(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == f"__app__.{name}" and record.levelno == logging.WARNING
    ]


# --- one at a time ------------------------------------------------------------------------------


def test_the_functions_take_a_request_from_receipt_to_its_event(
    load: Load, peers: Peers, api: LoadedFunction
) -> None:
    accepted = api.post_json(REQUESTS, invoice("REQ-1"))
    processing = load("ProcessingTimer", peers.settings)
    monitoring = load("MonitoringTimer", peers.settings)

    def status() -> str:
        return str(api.http("GET", accepted.headers["location"]).json()["status"])

    processing.tick()
    assert status() == "SUBMITTED"

    def completes() -> bool:
        monitoring.tick()
        return status() == "COMPLETED"

    wait_for(completes, "the document")

    assert peers.accepted() == [accepted.json()["requestId"]]
    [event] = peers.events(1)
    assert event["key"] == accepted.json()["requestId"]


@each_timer
def test_a_timer_with_nothing_to_do_leaves_a_heartbeat(
    load: Load, peers: Peers, api: LoadedFunction, name: str
) -> None:
    load(name, peers.settings).tick()
    jobs = api.http("GET", "/health/ready").json()["jobs"]
    assert [f"{job['job']}timer" for job in jobs] == [name.lower()]


@each_timer
def test_a_timer_in_time_warns_of_nothing(
    load: Load, peers: Peers, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    load(name, peers.settings).tick()
    assert warnings_of(caplog, name) == []


@each_timer
def test_a_timer_past_due_says_so_and_does_its_work(
    load: Load, peers: Peers, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    load(name, peers.settings).tick(past_due=True)
    assert [text for text in warnings_of(caplog, name) if "past due" in text]
    assert len(summaries(caplog)) == 1


@each_timer
def test_a_run_without_a_database_fails_and_the_next_tick_tries_again(
    load: Load, tmp_path: Path, migrated_file: Path, name: str
) -> None:
    database = tmp_path / "later" / "oms.db"
    timer = load(name, settings(database))

    with pytest.raises(InvocationFailed, match="DatabaseUnavailable"):
        timer.tick()

    database.parent.mkdir()
    shutil.copy(migrated_file, database)
    timer.tick()


# --- two at once --------------------------------------------------------------------------------


def test_ticks_that_overlap_in_one_worker_do_everything_once(
    load: Load,
    peers: Peers,
    api: LoadedFunction,
    submitted: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The worker lets ticks overlap; only the host's singleton would keep them apart."""
    caplog.set_level(logging.INFO)

    def tick_twice_at_once(timer: LoadedFunction) -> list[int]:
        caplog.clear()
        for tick in [timer.begin_tick(), timer.begin_tick()]:
            succeeded(tick)
        return [summary["claimed"] for summary in summaries(caplog)]

    processing = load("ProcessingTimer", peers.settings)
    assert_shared(tick_twice_at_once(processing))
    assert sorted(peers.accepted()) == sorted(submitted)

    monitoring = load("MonitoringTimer", peers.settings)
    assert_completes(lambda: tick_twice_at_once(monitoring), api, peers, submitted)


def test_two_workers_at_once_do_everything_once(
    peers: Peers, api: LoadedFunction, submitted: set[str]
) -> None:
    """What a lost lease looks like: a second instance starts while the first still runs."""
    names = ["ProcessingTimer", "ProcessingTimer", "MonitoringTimer", "MonitoringTimer"]
    with worker_processes(peers.settings, *names) as workers:
        assert_shared(tick_at_once(workers[:2]))
        assert sorted(peers.accepted()) == sorted(submitted)
        assert_completes(lambda: tick_at_once(workers[2:]), api, peers, submitted)


def tick_at_once(workers: list[WorkerProcess]) -> list[int]:
    """Let the timers of several workers fire at once; returns what each run claimed."""
    for worker in workers:
        worker.begin_tick()
    return [worker.summary()["claimed"] for worker in workers]


def assert_shared(claimed: list[int]) -> None:
    """Both runs had some of the requests, and no request was had by both."""
    assert len(claimed) == 2
    assert min(claimed) > 0
    assert sum(claimed) == COUNT


def assert_completes(
    tick: Callable[[], object], api: LoadedFunction, peers: Peers, submitted: set[str]
) -> None:
    """Monitoring brings every request to its end, with one event each."""
    assert statuses(api) == {"SUBMITTED": COUNT}
    wait_for(lambda: tick() and statuses(api) == {"COMPLETED": COUNT}, "the documents")
    assert sorted(event["key"] for event in peers.events(COUNT)) == sorted(submitted)
