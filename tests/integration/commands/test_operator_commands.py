"""`python -m shared operations …`: what it does, what it refuses, and how it says so."""

from __future__ import annotations

import subprocess
from uuid import uuid4

import pytest
import requests

from shared.__main__ import main
from tests.integration.commands.processes import SECONDS, Environment, run, serving, summary_of
from tests.integration.commands.stack import StackStarter
from tests.integration.commands.test_commands import body
from tests.integration.waiting import wait_for

ORDER = ("--actor", "night shift", "--reason", "asked by the source system")


def operations(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(environment, "operations", *arguments)


def test_pause_cancel_resume_and_reprocess(start: StackStarter) -> None:
    environment = start().environment()
    assert operations(environment, "pause", *ORDER).stdout == "submissions (all) are paused\n"
    with serving(environment) as api:
        posted = [
            requests.post(f"{api}/document-requests", json=body(number), timeout=SECONDS).json()
            for number in range(2)
        ]
        first, second = (one["requestId"] for one in posted)
        assert summary_of(run(environment, "process"))["claimed"] == 0

        cancelled = operations(environment, "cancel", first, *ORDER)
        assert cancelled.returncode == 0, cancelled.stderr
        assert cancelled.stdout == f"{first} FAILED generation 1 version 2\n"
        refused = operations(environment, "reprocess", first, *ORDER)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.splitlines()[-1].startswith("EVENT_UNPUBLISHED: ")
        summary_of(run(environment, "monitor"))
        again = operations(environment, "reprocess", first, "--version", "2", *ORDER)
        assert again.stdout == f"{first} RECEIVED generation 2 version 3\n", again.stderr
        stale = operations(environment, "reprocess", first, "--version", "2", *ORDER)
        assert stale.returncode == 1
        assert stale.stderr.splitlines()[-1].startswith("CHANGED_MEANWHILE: ")

        assert operations(environment, "resume", *ORDER).returncode == 0
        assert operations(environment, "resume", *ORDER).returncode == 1

        def all_completed() -> bool:
            summary_of(run(environment, "process"))
            summary_of(run(environment, "monitor"))
            urls = [f"{api}/document-requests/{one}" for one in (first, second)]
            statuses = {requests.get(url, timeout=SECONDS).json()["status"] for url in urls}
            return statuses == {"COMPLETED"}

        wait_for(all_completed, "both documents", SECONDS)
        history = requests.get(f"{api}/document-requests/{first}/history", timeout=SECONDS).json()
    ordered = [item for item in history["items"] if item["actor"] == "night shift"]
    assert [(item["to"], item["reason"]) for item in ordered] == [
        ("FAILED", "asked by the source system"),
        ("RECEIVED", "asked by the source system"),
    ]


def test_held_batches_are_listed_and_resolved(start: StackStarter) -> None:
    stack = start(references_unique=False, lookup_supported=False)
    environment = stack.environment(
        OMS_THUNDERHEAD_REFERENCE_UNIQUE="false", OMS_THUNDERHEAD_LOOKUP_SUPPORTED="false"
    )
    assert operations(environment, "held").stdout == "nothing is HELD\n"
    with serving(environment) as api:
        posted = requests.post(f"{api}/document-requests", json=body(1), timeout=SECONDS).json()
        stack.arm({"operation": "submit", "kind": "reset-after", "times": 1})

        def is_held() -> str:
            summary_of(run(environment, "process"))
            listed = operations(environment, "held").stdout
            return listed if posted["requestId"] in listed else ""

        batch_id, _, version = wait_for(is_held, "HELD", SECONDS).split()[:3]
        (vendor_id,) = (batch["batchId"] for batch in stack.ledger()["batches"])
        wrong = operations(environment, "adopt", batch_id, "--thunderhead-batch", "0", *ORDER)
        assert wrong.returncode == 1
        adopted = operations(
            environment,
            *("adopt", batch_id, "--thunderhead-batch", vendor_id),
            *("--version", version.rstrip(":")),
            *ORDER,
        )
        assert adopted.returncode == 0, adopted.stderr
        assert adopted.stdout.startswith(f"{posted['requestId']} SUBMITTED ")
        due = operations(environment, "poll-now", batch_id, *ORDER)
        assert due.stdout == f"{batch_id} is due\n", due.stderr
        for late in ("delivered", "abandon", "resend"):
            refused = operations(environment, late, batch_id, *ORDER)
            assert refused.returncode == 1
            assert refused.stderr.splitlines()[-1].startswith("NOT_HELD: ")
    audit = operations(environment, "audit", "--of", batch_id).stdout.splitlines()
    assert [line.split(" ", 1)[1] for line in audit[::-1]] == [
        f"night shift {action} BATCH {batch_id} {outcome}: asked by the source system"
        for action, outcome in (
            ("ADOPT", "NOT_OURS"),
            ("ADOPT", "DONE"),
            ("POLL_NOW", "DONE"),
            ("DELIVERED", "NOT_HELD"),
            ("ABANDON", "NOT_HELD"),
            ("RESEND", "NOT_HELD"),
        )
    ]


def test_all_that_match_are_reprocessed(start: StackStarter) -> None:
    environment = start().environment()
    assert operations(environment, "pause", *ORDER).returncode == 0
    with serving(environment) as api:
        posted = [
            requests.post(f"{api}/document-requests", json=body(number), timeout=5).json()
            for number in range(3)
        ]
    ids = [one["requestId"] for one in posted]
    for cancelled in ids[:2]:
        assert operations(environment, "cancel", cancelled, *ORDER).returncode == 0
    matching = ("reprocess-matching", "--failure-category", "CANCELLED")
    early = operations(environment, *matching, *ORDER)
    assert early.stdout.splitlines()[-1] == "0 reprocessed, 2 refused", early.stderr
    assert early.stdout.count("EVENT_UNPUBLISHED: ") == 2
    summary_of(run(environment, "monitor"))

    everything = operations(environment, "reprocess-matching", *ORDER)
    assert everything.returncode == 1
    assert everything.stderr.splitlines()[-1].startswith("NO_CONDITION: ")
    too_late = operations(environment, *matching, "--received-from", "2999-01-01T00:00:00Z", *ORDER)
    assert too_late.stdout == "0 reprocessed, 0 refused\n"
    again = operations(environment, *matching, *ORDER)
    assert again.stdout.splitlines()[-1] == "2 reprocessed, 0 refused", again.stderr
    assert {line.split()[0] for line in again.stdout.splitlines()[:-1]} == set(ids[:2])


@pytest.mark.parametrize(
    "arguments",
    [
        ("cancel", str(uuid4())),
        ("cancel", str(uuid4()), "--actor", " ", "--reason", "x"),
        ("cancel", "not-an-id", *ORDER),
        ("adopt", str(uuid4()), *ORDER),
        ("pause", "--actor", "x"),
        ("reprocess-matching", "--received-from", "2026-01-31", *ORDER),
        ("reprocess-matching", "--failure-category", "BAD_LUCK", *ORDER),
        (),
    ],
)
def test_an_order_is_complete_or_not_taken(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["operations", *arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage:" in printed.err


def test_what_does_not_exist_is_refused(environment: Environment) -> None:
    request_id = str(uuid4())
    finished = operations(environment, "cancel", request_id, *ORDER)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"NO_SUCH_REQUEST: {request_id}\n"
