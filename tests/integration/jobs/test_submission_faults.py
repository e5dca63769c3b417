"""Every way in which a submission may go wrong: each document is generated exactly once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.domain.statuses import RequestStatus
from tests.integration.jobs.world import GOOD, World, WorldStarter, invoice

DOCUMENTS = 6
FAST = {"http_timeout_seconds": 1}
"""Soon tired of a silent Thunderhead. Intake keeps its patience: the machine may be busy."""

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "503 with Retry-After": {"kind": "status", "status": 503, "retryAfter": 12},
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "retryAfter": 12},
    "429 with a date": {
        "kind": "status",
        "status": 429,
        "retryAfter": "Mon, 02 Mar 2026 09:00:20 GMT",
    },
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "413": {"kind": "status", "status": 413},
    "exceptions": {"kind": "exceptions"},
    "reset before": {"kind": "reset-before"},
    "reset after": {"kind": "reset-after"},
    "time-out after": {"kind": "timeout-after"},
    "truncated": {"kind": "truncated"},
    "garbage": {"kind": "garbage"},
    "while1": {"kind": "while1"},
    "500 after": {"kind": "status-after", "status": 500},
    "503 after": {"kind": "status-after", "status": 503, "retryAfter": 3},
    "504 after": {"kind": "status-after", "status": 504},
    "broken off": {"kind": "broken-off"},
    "slow drip": {"kind": "slow-drip"},
}
KINDS = [
    "429",
    "401",
    "413",
    "500",
    "503 with Retry-After",
    "exceptions",
    "reset before",
    "reset after",
    "time-out after",
    "truncated",
    "500 after",
]
"""One of each kind that our client tells apart; all of them are in the first table."""
NOTHING_HAPPENED = {name for name in FAULTS if name.startswith(("4", "while1"))}
"""Proven not accepted, or understood: nobody has to find out anything."""
NEVER_ACCEPTED = {"500", "503 with Retry-After", "exceptions", "reset before"}


@pytest.mark.parametrize("name", FAULTS)
def test_with_lookup_and_unique_references_nothing_is_ever_held(
    start: WorldStarter, name: str
) -> None:
    world = start(stall_seconds=5.0)
    system = world.system(max_documents_per_batch=2, **FAST)
    world.submit_invoices(world.system(), DOCUMENTS)
    world.arm({"operation": "submit", "times": 2, **FAULTS[name]})

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.COMPLETED: DOCUMENTS}
    world.assert_each_once(system)
    assert set(world.accepted().values()) == {1}
    world.assert_one_event_stored_each(system)


@pytest.mark.parametrize("name", KINDS)
def test_without_lookup_the_identical_bytes_are_sent_again(start: WorldStarter, name: str) -> None:
    world = start(stall_seconds=5.0, lookup_supported=False)
    system = world.system(max_documents_per_batch=2, thunderhead_lookup_supported=False, **FAST)
    world.submit_invoices(world.system(), DOCUMENTS)
    world.arm({"operation": "submit", "times": 2, **FAULTS[name]})

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.COMPLETED: DOCUMENTS}
    world.assert_each_once(system)
    assert world.calls()["lookup"] == 0
    assert_one_payload_per_reference(world)


@pytest.mark.parametrize("name", KINDS)
def test_without_unique_references_nothing_in_doubt_is_sent_twice(
    start: WorldStarter, name: str
) -> None:
    world = start(stall_seconds=5.0, references_unique=False)
    system = world.system(max_documents_per_batch=2, thunderhead_reference_unique=False, **FAST)
    world.submit_invoices(world.system(), DOCUMENTS)
    world.arm({"operation": "submit", "times": 1, **FAULTS[name]})

    world.drain(system)

    held = 2 if name in NEVER_ACCEPTED else 0
    statuses = world.statuses(system)
    assert statuses[RequestStatus.HELD] == held
    assert statuses[RequestStatus.COMPLETED] == DOCUMENTS - held
    world.assert_each_once(system)
    world.assert_one_event_stored_each(system)


@pytest.mark.parametrize("name", sorted(set(KINDS) - NOTHING_HAPPENED))
def test_without_lookup_or_unique_references_a_send_in_doubt_is_held_at_once(
    start: WorldStarter, name: str
) -> None:
    world = start(stall_seconds=5.0, references_unique=False, lookup_supported=False)
    system = world.system(
        thunderhead_reference_unique=False, thunderhead_lookup_supported=False, **FAST
    )
    world.submit_invoices(world.system(), 2)
    world.arm({"operation": "submit", "times": 1, **FAULTS[name]})

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.HELD: 2}
    assert world.calls()["submit"] == 1
    assert world.events(0) == []


@pytest.mark.parametrize("status", [302, 404, 405, 409, 418])
def test_an_answer_that_no_rule_covers_is_held(world: World, status: int) -> None:
    system = world.system()
    world.submit_invoices(system, 2)
    world.arm({"operation": "submit", "kind": "status", "status": status})

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.HELD: 2}
    assert world.calls()["submit"] == 1


def test_a_token_that_has_expired_is_renewed_once_without_a_wait(start: WorldStarter) -> None:
    world = start(authentication="oauth2", token_lifetime_seconds=3600)
    system = world.system(
        thunderhead_auth="oauth2",
        thunderhead_client_id="oms-local",
        thunderhead_client_secret="oms-local-only",
        thunderhead_token_url=f"{world.thunderhead.url}/oauth2/token",
    )
    world.submit(system, [invoice("REQ-1")])
    system.processing.run()
    world.clock.advance(3601)  # only Thunderhead sees that: the token ages by the wall clock
    world.submit(system, [invoice("REQ-2")])

    summary = system.processing.run()

    assert (summary["submitted"], summary["retried"]) == (1, 0)
    assert world.calls()["token"] == 2


def test_a_named_document_fails_alone_and_the_rest_goes_on(
    start: WorldStarter, strict_templates: Path
) -> None:
    world = start(configurations_file=strict_templates)
    system = world.system()
    bad, *good = world.submit(system, [without_number(0), *(invoice(f"R{n}") for n in range(4))])

    world.drain(system)

    failure = world.get(system, bad).failure
    assert failure
    assert failure.category.value == "SUBMISSION"
    assert {world.get(system, one).status for one in good} == {RequestStatus.COMPLETED}
    assert len(world.ledger()["submissions"]) == 2
    world.assert_each_once(system)
    world.assert_one_event_stored_each(system)


@pytest.mark.parametrize("bad_ones", [{0}, {6}, {2, 3}, set(range(7))])
def test_where_none_is_named_batches_are_split_until_the_bad_one_is_alone(
    start: WorldStarter, strict_templates: Path, bad_ones: set[int]
) -> None:
    world = start(configurations_file=strict_templates, names_bad_documents=False)
    system = world.system()
    ids = world.submit(
        system, [without_number(n) if n in bad_ones else invoice(f"R{n}") for n in range(7)]
    )

    world.drain(system)

    for number, request_id in enumerate(ids):
        expected = RequestStatus.FAILED if number in bad_ones else RequestStatus.COMPLETED
        assert world.get(system, request_id).status is expected
    world.assert_each_once(system)
    world.assert_one_event_stored_each(system)


def test_an_adopted_batch_must_hold_our_documents(world: World) -> None:
    """Thunderhead has a batch under our reference, but with another document: HELD."""
    system = world.system()
    world.submit_invoices(system, 1)
    submit = system.clients.thunderhead.submit

    def taken_by_somebody_else(payload: bytes, traceparent: str) -> Any:
        other = json.loads(payload)
        other["documents"][0]["documentReference"] = "somebody-elses"
        url = f"{world.thunderhead.url}/thunderhead/v1/batches"
        assert world.session.post(url, json=other, timeout=5).status_code == 202
        return submit(payload, traceparent)

    system.clients.thunderhead.submit = taken_by_somebody_else  # type: ignore[method-assign]

    # At once: polled as ours, its documents would be missing, and HELD in the end as well.
    assert system.processing.run()["held"] == 1
    assert world.statuses(system) == {RequestStatus.HELD: 1}


def test_refusals_that_ask_for_patience_use_up_no_attempt(world: World) -> None:
    """One send in doubt, then only 429: that is one attempt, however long it takes."""
    system = world.system(max_attempts=3)
    world.submit_invoices(system, 2)
    world.arm(
        {"operation": "submit", "kind": "reset-before", "times": 1},
        {"operation": "submit", "kind": "status", "status": 429, "times": 8},
    )

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.COMPLETED: 2}
    world.assert_each_once(system)


def test_a_rejected_resend_is_dissolved_once_a_lookup_past_visibility_finds_nothing(
    start: WorldStarter, strict_templates: Path
) -> None:
    """The first send meets an outage, the second is rejected for one document."""
    world = start(configurations_file=strict_templates)
    system = world.system(max_attempts=3)
    bad, *good = world.submit(system, [without_number(0), *(invoice(f"R{n}") for n in range(4))])
    world.arm({"operation": "submit", "kind": "status", "status": 500, "times": 1})

    world.drain(system)

    assert world.get(system, bad).status is RequestStatus.FAILED
    assert {world.get(system, one).status for one in good} == {RequestStatus.COMPLETED}
    world.assert_each_once(system)


def test_attempts_that_are_used_up_hold_the_batch_and_nobody_else(world: World) -> None:
    system = world.system(max_attempts=3, max_documents_per_batch=1, http_concurrency=1)
    world.submit_invoices(system, 2)
    send = system.clients.thunderhead.submit
    first: list[bytes] = []

    def first_batch_never_answers(payload: bytes, traceparent: str) -> Any:
        first[:] = first or [payload]
        if payload == first[0]:
            world.arm({"operation": "submit", "kind": "reset-before", "times": 1})
        return send(payload, traceparent)

    system.clients.thunderhead.submit = first_batch_never_answers  # type: ignore[method-assign]
    world.drain(system)

    assert world.statuses(system) == {RequestStatus.HELD: 1, RequestStatus.COMPLETED: 1}
    world.assert_each_once(system)


@pytest.fixture
def strict_templates(tmp_path: Path) -> Path:
    """Configurations whose invoices need a number already when they are submitted."""
    import local

    source = Path(local.__file__).parent / "sample_data" / "thunderhead_configurations.json"
    entries = json.loads(source.read_bytes())
    for entry in entries:
        entry["elementsRequiredAtSubmission"] = entry["mandatoryElements"][:1]
    target = tmp_path / "configurations.json"
    target.write_text(json.dumps(entries))
    return target


def without_number(number: int) -> Any:
    content = {"Document": {key: GOOD[key] for key in GOOD if key != "InvoiceNumber"}}
    return invoice(f"BAD-{number}", content=content)


def assert_one_payload_per_reference(world: World) -> None:
    digests: dict[str, set[str]] = {}
    for submission in world.ledger()["submissions"]:
        digests.setdefault(submission["clientReference"], set()).add(submission["payloadSha256"])
    assert all(len(seen) == 1 for seen in digests.values())
