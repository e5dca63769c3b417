import time
from typing import Any

import pytest
import requests

from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions, create_app
from tests.local.conftest import StartPlatform
from tests.local.platform import Platform, document


def accepted_references(platform: Platform) -> list[str]:
    return [entry["clientReference"] for entry in platform.control("ledger")["batches"]]


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500, 503])
def test_status_answers_without_processing(platform: Platform, status: int) -> None:
    platform.arm({"operation": "submit", "kind": "status", "status": status, "retryAfter": 3})
    response = platform.submit()
    assert response.status_code == status
    assert response.headers["Retry-After"] == "3"
    assert response.json()["status"] == status
    assert accepted_references(platform) == []


def test_retry_after_may_be_a_date(platform: Platform) -> None:
    date = "Mon, 21 Sep 2026 15:00:00 GMT"
    platform.arm({"operation": "poll", "kind": "status", "status": 429, "retryAfter": date})
    response = platform.get("/batches/1")
    assert (response.json()["code"], response.headers["Retry-After"]) == ("TOO_MANY_REQUESTS", date)


def test_status_after_processes_and_denies(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "status-after", "status": 502})
    assert platform.submit().status_code == 502
    assert accepted_references(platform) == ["ref-1"]


@pytest.mark.parametrize(("kind", "accepted"), [("reset-before", []), ("reset-after", ["ref-1"])])
def test_a_reset_comes_before_or_after_processing(
    platform: Platform, kind: str, accepted: list[str]
) -> None:
    platform.arm({"operation": "submit", "kind": kind})
    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        platform.submit()
    assert accepted_references(platform) == accepted


def test_timeout_after_accepts_and_keeps_silent(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "timeout-after"})
    with pytest.raises(requests.ReadTimeout):
        platform.submit(timeout=0.2)
    assert accepted_references(platform) == ["ref-1"]


def test_silence_ends_in_a_reset_after_its_bound(start_platform: StartPlatform) -> None:
    platform = start_platform(stall_seconds=0.05)
    platform.arm({"operation": "submit", "kind": "timeout-after"})
    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        platform.submit()


def test_a_stalled_call_does_not_keep_the_server_from_stopping() -> None:
    options = ThunderheadOptions(stall_seconds=3600, drip_seconds=3600)
    with ServerThread(create_app(options)) as server:
        faults = [
            {"operation": "lookup", "kind": kind, "times": 1}
            for kind in ("timeout-after", "slow-drip")
        ]
        requests.post(f"{server.url}/_simulator/faults", json=faults, timeout=5)
        for _ in faults:
            with pytest.raises(requests.RequestException):
                requests.get(f"{server.url}{options.base}/batches?clientReference=r", timeout=0.1)


def test_truncated_is_a_whole_message_with_half_the_json(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "truncated"})
    response = platform.submit()
    assert response.status_code == 202
    assert response.text.startswith('{"batchId"')
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert accepted_references(platform) == ["ref-1"]


def test_broken_off_closes_the_connection_within_the_body(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "broken-off"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        platform.submit()
    assert accepted_references(platform) == ["ref-1"]


def test_garbage_is_a_success_in_html(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "garbage"})
    response = platform.submit()
    assert response.status_code == 202
    assert response.headers["Content-Type"].startswith("text/html")
    assert accepted_references(platform) == ["ref-1"]


def test_while1_precedes_the_json(platform: Platform) -> None:
    batch_id = platform.accepted()
    platform.arm({"operation": "poll", "kind": "while1", "times": 1})
    spoiled = platform.get(f"/batches/{batch_id}").text
    assert spoiled == "while(1);" + platform.get(f"/batches/{batch_id}").text


def test_slow_drip_takes_its_time_for_every_byte(start_platform: StartPlatform) -> None:
    platform = start_platform(drip_seconds=0.003)
    platform.arm({"operation": "submit", "kind": "slow-drip"})
    started = time.monotonic()
    response = platform.submit()
    assert time.monotonic() - started >= 0.003 * len(response.content)
    assert response.json()["status"] == "QUEUED"
    assert accepted_references(platform) == ["ref-1"]


def test_exceptions_come_with_a_success_and_nothing_is_accepted(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "exceptions"})
    response = platform.submit()
    assert response.status_code == 200
    assert response.json() == {
        "exceptions": [{"exceptionCode": "TMH-1001", "message": "The service is overloaded"}]
    }
    assert accepted_references(platform) == []


def test_stopped_ends_the_batch_halfway(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "stopped"})
    batch_id = platform.accepted(*[document(name) for name in "abcd"])
    platform.clock.advance(9)
    assert platform.batch(batch_id)["status"] == "RUNNING"
    platform.clock.advance(1)
    batch = platform.batch(batch_id)
    assert batch["status"] == "STOPPED"
    assert (batch["transCompleted"], batch["transStopped"]) == (2, 2)
    statuses = [item["status"] for item in platform.documents(batch_id)]
    assert statuses == ["COMPLETED", "COMPLETED", "STOPPED", "STOPPED"]


def test_late_hides_one_batch_for_a_while(start_platform: StartPlatform) -> None:
    platform = start_platform(late_seconds=5)
    platform.arm({"operation": "submit", "kind": "late", "times": 1})
    late = platform.accepted()
    prompt = platform.accepted(clientReference="ref-2")
    platform.clock.advance(4.9)
    assert platform.get(f"/batches/{late}").status_code == 404
    assert platform.get(f"/batches/{late}/documents").status_code == 404
    assert platform.lookup("ref-1").json() == {"items": []}
    assert platform.get(f"/batches/{prompt}").status_code == 200
    platform.clock.advance(0.1)
    assert platform.get(f"/batches/{late}").status_code == 200
    assert len(platform.lookup("ref-1").json()["items"]) == 1


def test_unknown_status_shows_a_status_of_no_contract(platform: Platform) -> None:
    batch_id = platform.accepted()
    platform.clock.advance(10)
    platform.arm({"operation": "poll", "kind": "unknown-status", "times": 1})
    assert platform.batch(batch_id)["status"] == "REINDEXING"
    assert platform.batch(batch_id)["status"] == "COMPLETED"


def test_unknown_status_leaves_other_answers_alone(platform: Platform) -> None:
    platform.arm({"operation": "poll", "kind": "unknown-status"})
    assert platform.get("/batches/1").json()["code"] == "BATCH_NOT_FOUND"


@pytest.mark.parametrize("operation", ["poll", "documents", "lookup", "cancel", "token"])
def test_every_operation_can_fail(platform: Platform, operation: str) -> None:
    batch_id = platform.accepted()
    calls = {
        "poll": lambda: platform.get(f"/batches/{batch_id}"),
        "documents": lambda: platform.get(f"/batches/{batch_id}/documents"),
        "lookup": lambda: platform.lookup("ref-1"),
        "cancel": lambda: platform.cancel(batch_id),
        "token": lambda: requests.post(f"{platform.url}/oauth2/token", timeout=5),
    }
    platform.arm({"operation": operation, "kind": "status", "status": 503, "times": 1})
    assert calls[operation]().status_code == 503
    assert calls[operation]().status_code != 503


def test_times_are_used_up_in_order(platform: Platform) -> None:
    response = platform.arm(
        {"operation": "poll", "kind": "status", "status": 500, "times": 2},
        {"operation": "poll", "kind": "status", "status": 503, "times": 1},
    )
    assert response.json()["faults"][0] == {
        "operation": "poll",
        "kind": "status",
        "times": 2,
        "probability": 1.0,
        "retryAfter": None,
        "status": 500,
        "hits": 0,
    }
    assert [platform.get("/batches/1").status_code for _ in range(4)] == [500, 500, 503, 404]
    faults = platform.control("faults")["faults"]
    assert [(fault["times"], fault["hits"]) for fault in faults] == [(0, 2), (0, 1)]


def test_probability_is_repeatable(start_platform: StartPlatform) -> None:
    def statuses() -> list[int]:
        platform = start_platform(seed=5)
        platform.arm({"operation": "poll", "kind": "status", "probability": 0.5})
        return [platform.get("/batches/1").status_code for _ in range(20)]

    first = statuses()
    assert {404, 500} == set(first)
    assert statuses() == first


def test_faults_can_be_disarmed(platform: Platform) -> None:
    platform.arm({"operation": "submit", "kind": "status"})
    requests.delete(f"{platform.url}/_simulator/faults", timeout=5)
    assert platform.submit().status_code == 202


@pytest.mark.parametrize(
    "fault",
    [
        "status",
        {"operation": "print", "kind": "status"},
        {"operation": "submit", "kind": "flood"},
        {"operation": "poll", "kind": "stopped"},
        {"operation": "lookup", "kind": "late"},
        {"operation": "submit", "kind": "unknown-status"},
        {"operation": "poll", "kind": "status", "times": 0},
        {"operation": "poll", "kind": "status", "probability": 2},
        {"operation": "poll", "kind": "status", "status": 200},
        {"operation": "poll", "kind": "status", "retryAfter": []},
        {"operation": "poll", "kind": "status", "colour": "blue"},
    ],
)
def test_a_fault_that_is_unclear_is_refused(platform: Platform, fault: Any) -> None:
    response = platform.arm({"operation": "poll", "kind": "status"}, fault)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["[1]"]
    assert platform.control("faults") == {"faults": []}


@pytest.mark.parametrize("body", ["{", "{}"])
def test_faults_come_as_a_list(platform: Platform, body: str) -> None:
    response = requests.post(f"{platform.url}/_simulator/faults", data=body, timeout=5)
    assert response.status_code == 400
