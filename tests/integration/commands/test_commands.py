from __future__ import annotations

import signal
import time
from typing import Any

import pytest
import requests

from shared.composition import open_store
from shared.jobs.request_storage import RequestFilter
from tests.integration.commands.processes import (
    SECONDS,
    Environment,
    run,
    serving,
    started,
    summary_of,
)
from tests.integration.commands.stack import StackStarter
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC
from tests.integration.reading import read_events
from tests.integration.waiting import wait_for


def body(number: int) -> dict[str, Any]:
    return {
        "sourceSystem": "ARCADE",
        "requestCorrelationId": f"REQ-{number:05}",
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "metadata": {"INVOICE_ID": str(number), "FOOTER_ID": "2"},
        "content": {"Document": {"InvoiceNumber": str(number), "TotalAmount": 10.5}},
    }


def submit(api: str, count: int) -> None:
    for start in range(0, count, 500):
        items = [body(number) for number in range(start, min(start + 500, count))]
        response = requests.post(
            f"{api}/document-requests/batch", json={"items": items}, timeout=SECONDS
        )
        assert response.status_code == 207, response.text
        assert {item["status"] for item in response.json()["items"]} == {202}


def count_by_status(database_url: str) -> dict[str, int]:
    store = open_store(database_url)
    counts = store.read(lambda tx: tx.requests.count_by_status(RequestFilter()))
    store.close()
    return {status.value: count for status, count in counts.items()}


def test_migrate_brings_an_empty_database_to_the_newest_schema(
    environment: Environment, empty_database_url: str
) -> None:
    environment["OMS_DATABASE_URL"] = empty_database_url
    first, second = run(environment, "migrate"), run(environment, "migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout == "schema none -> 0001\n"
    assert second.stdout == "schema 0001 -> 0001\n"


def test_migrate_needs_nothing_but_environment_and_database(environment: Environment) -> None:
    few = {name: environment[name] for name in ("OMS_ENVIRONMENT", "OMS_DATABASE_URL")}
    assert run(few, "migrate").returncode == 0


def test_a_run_exits_0_also_when_every_dependency_is_out(environment: Environment) -> None:
    for command in ("process", "monitor"):
        assert summary_of(run(environment, command))["claimed"] == 0


def test_a_thousand_requests_end_with_one_event_each(start: StackStarter) -> None:
    stack = start()
    environment = stack.environment()
    begun = time.monotonic()
    with serving(environment) as api:
        submit(api, 1000)
        counted: dict[str, int] = {}
        while counted.get("COMPLETED") != 1000:
            assert time.monotonic() - begun < 2 * SECONDS, counted
            summary_of(run(environment, "process", "--until-idle"))
            summary_of(run(environment, "monitor", "--until-idle"))
            counted = requests.get(f"{api}/document-requests/summary", timeout=SECONDS).json()
            counted = {k: v for k, v in _flat(counted).items() if v}
        listed = requests.get(
            f"{api}/document-requests",
            params={"limit": 200, "status": "COMPLETED"},
            timeout=SECONDS,
        ).json()["items"]
    seconds = time.monotonic() - begun
    print(f"1,000 requests in {seconds:.1f} s")  # noqa: T201
    assert len(stack.accepted()) == 1000
    assert set(stack.accepted().values()) == {1}
    events = read_events(stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC], 1000)
    assert len({event["key"] for event in events}) == 1000
    resources = {event["key"]: event["value"]["data"] for event in events}
    assert all(resources[item["requestId"]] == item for item in listed)


def test_the_summary_adds_up_the_runs(start: StackStarter) -> None:
    stack = start()
    environment = stack.environment()
    with serving(environment) as api:
        submit(api, 5)
    processed = summary_of(run(environment, "process", "--until-idle"))
    assert (processed["claimed"], processed["submitted"], processed["held"]) == (5, 5, 0)

    def monitored() -> int:
        monitored = summary_of(run(environment, "monitor", "--until-idle"))
        published: int = monitored["published"]
        assert monitored["completed"] == published
        return published

    assert wait_for(monitored, "the batch") == 5


def test_sigterm_finishes_what_is_held(start: StackStarter) -> None:
    stack = start(latency_seconds=1.0)
    environment = stack.environment(OMS_MAX_DOCUMENTS_PER_BATCH="1", OMS_HTTP_CONCURRENCY="2")
    with serving(environment) as api:
        submit(api, 40)
    with started(environment, "process", "--until-idle") as process:
        wait_for(lambda: stack.submissions() >= 2, "the first submissions")
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    assert '"submitted": ' in output
    counts = count_by_status(environment["OMS_DATABASE_URL"])
    assert counts["SUBMITTED"] == len(stack.accepted()) >= 2
    assert counts["RECEIVED"] == 40 - counts["SUBMITTED"], "nothing new was taken up"


@pytest.mark.parametrize("is_accepted", [True, False])
def test_after_kill_9_the_next_run_does_each_document_once(
    start: StackStarter, is_accepted: bool
) -> None:
    """Killed while Thunderhead is silent: it has accepted the batches already, or not yet."""
    stack = start(stall_seconds=30.0, latency_seconds=0.0 if is_accepted else 0.5)
    environment = stack.environment(
        OMS_MAX_DOCUMENTS_PER_BATCH="5",
        OMS_HTTP_CONCURRENCY="2",
        OMS_HTTP_TIMEOUT_SECONDS="1",
        OMS_LEASE_SECONDS="2",
    )
    with serving(environment) as api:
        submit(api, 40)
    if is_accepted:
        stack.arm({"operation": "submit", "kind": "timeout-after"})
    with started(environment, "process") as process:
        wait_for(lambda: stack.submissions() >= 2, "submissions under way")
        if is_accepted:
            wait_for(lambda: len(stack.accepted()) >= 10, "their acceptance")
        process.kill()
        process.wait(SECONDS)
    stack.disarm()
    assert count_by_status(environment["OMS_DATABASE_URL"])["PROCESSING"] >= 10

    def is_submitted() -> bool:
        summary_of(run(environment, "process", "--until-idle"))
        return count_by_status(environment["OMS_DATABASE_URL"]) == {"SUBMITTED": 40}

    wait_for(is_submitted, "the next runs", SECONDS)
    assert len(stack.accepted()) == 40
    assert set(stack.accepted().values()) == {1}


def _flat(tree: dict[str, Any]) -> dict[str, int]:
    """Return the counts of a summary, wherever they stand in it."""
    found: dict[str, int] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= _flat(value)
        elif isinstance(value, int):
            found[key] = value
    return found
