"""Killed at every failpoint, started again, judged from outside."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from fastapi.testclient import TestClient
from sqlalchemy import select

from shared.asgi import api
from shared.composition import System, compose
from shared.domain.timing import utc_now
from shared.jobs.intake import Stored
from shared.jobs.queries import Caller
from shared.settings import Settings
from shared.store.tables import batches, document_requests, job_runs, outbox
from tests.crash.failpoints import FAILPOINTS, Answer, Commit
from tests.crash.judge import TERMINAL, judge, requests_of
from tests.integration.commands.processes import ROOT, SECONDS, free_port, variables
from tests.integration.commands.stack import Stack, StackStarter
from tests.integration.commands.test_commands import body
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC, invoice
from tests.integration.reading import read_all_events
from tests.integration.waiting import wait_for
from tests.unit.jobs.fakes import arrivals

OPERATOR = Caller("operator")
ORDER = ("--actor", "operator", "--reason", "again")
SETTINGS = {
    "OMS_HTTP_TIMEOUT_SECONDS": "1",
    "OMS_LEASE_SECONDS": "2",
    "OMS_EVENTS_TIMEOUT_SECONDS": "2",
    "OMS_MAX_DOCUMENTS_PER_BATCH": "2",
    "OMS_THUNDERHEAD_VISIBILITY_SECONDS": "1",
}
NOTICE = {
    "sourceSystem": "CLAIMS_HUB",
    "documentType": "NOTICE",
    "documentName": "NTCGENRL",
    "metadata": {"CAMPAIGN_ID": "K-1"},
}
BLIND = {
    "OMS_THUNDERHEAD_REFERENCE_UNIQUE": "false",
    "OMS_THUNDERHEAD_LOOKUP_SUPPORTED": "false",
}


def later() -> datetime:
    """Be a minute ahead: whatever the killed process held has come to its end."""
    return utc_now() + timedelta(minutes=1)


@dataclass
class Scene:
    """The system before it is killed, and what its next run is to do."""

    stack: Stack
    environment: dict[str, str]
    arguments: Sequence[str] = ()
    accepted: list[UUID] = field(default_factory=list)

    @contextlib.contextmanager
    def system(self, clock: Callable[[], datetime] = utc_now) -> Iterator[System]:
        """Be another process of the same installation, and a patient one: it is not killed."""
        values = {
            name.removeprefix("OMS_").lower(): value for name, value in self.environment.items()
        }
        values |= {"http_timeout_seconds": "10", "lease_seconds": "20"}
        system = compose(Settings.model_validate(values), clock)
        try:
            yield system
        finally:
            system.close()

    def submit(self, system: System, count: int, **changes: Any) -> None:
        wanted = [invoice(f"REQ-{number}", **changes) for number in range(count)]
        answers = system.intake.submit(arrivals(wanted))
        self.accepted += [a.request.request_id for a in answers if isinstance(a, Stored)]
        assert len(self.accepted) == count

    def generated(self) -> bool:
        batches = self.stack.ledger()["batches"]
        return bool(batches) and all(one["status"] not in RUNNING for one in batches)


RUNNING = ("QUEUED", "RUNNING")
UNANSWERED = requests.ConnectionError


def normal(scene: Scene) -> None:
    with scene.system() as system:
        scene.submit(system, 4)


def _after_a_fault(scene: Scene, fault: dict[str, Any]) -> None:
    with scene.system() as system:
        scene.submit(system, 4)
        scene.stack.arm({"operation": "submit", "times": 2, **fault})
        system.processing.run()
    scene.stack.disarm()


def lost(scene: Scene) -> None:
    """Two sends without an answer; Thunderhead never saw them."""
    _after_a_fault(scene, {"kind": "reset-before"})


def accepted(scene: Scene) -> None:
    """Two sends without an answer; Thunderhead has both."""
    _after_a_fault(scene, {"kind": "reset-after"})


def rejected(scene: Scene) -> None:
    """A send will be rejected without a word on which document is to blame."""
    normal(scene)
    scene.stack.arm({"operation": "submit", "kind": "status", "status": 422, "times": 1})


def unanswered(scene: Scene) -> None:
    """Every send will be without an answer; Thunderhead has what was sent."""
    normal(scene)
    scene.stack.arm({"operation": "submit", "kind": "reset-after"})


def unconfigured(scene: Scene) -> None:
    """No batch configuration applies to these."""
    with scene.system() as system:
        scene.submit(system, 2, **NOTICE)


def claimed(scene: Scene) -> None:
    """A run died with its claim, and its lease has ended."""
    normal(scene)
    run_until_killed("processing: after the commit of a claim", scene, "process")
    with scene.system() as system:

        def lease_has_ended() -> bool:
            rows = requests_of(system.store._engine).values()
            return all(row.due_at <= utc_now() for row in rows)

        wait_for(lease_has_ended, "the end of the lease")


def unpublished(scene: Scene) -> None:
    """Two have been cancelled, and nobody knows it yet."""
    normal(scene)
    with scene.system() as system:
        for request_id in scene.accepted[:2]:
            system.operations.cancel(request_id, OPERATOR)


def submitted(scene: Scene) -> None:
    """Both batches are with Thunderhead, and generated."""
    with scene.system() as system:
        scene.submit(system, 4)
        assert system.processing.run()["submitted"] == 4
    wait_for(scene.generated, "the generation")


def overdue(scene: Scene) -> None:
    """The batches will take for ever, and have had their time."""
    scene.environment["OMS_BATCH_DEADLINE_SECONDS"] = "0.001"
    with scene.system() as system:
        scene.submit(system, 4)
        assert system.processing.run()["submitted"] == 4


def ended(scene: Scene) -> None:
    """Everything is published, and its retention is over."""
    submitted(scene)
    with scene.system(lambda: utc_now() + timedelta(seconds=1)) as system:
        assert system.monitoring.run()["published"] == 4
        ended_at = max(row.completed_at for row in requests_of(system.store._engine).values())
    scene.environment["OMS_CONTENT_RETENTION_DAYS"] = "0"
    wait_for(lambda: utc_now() > ended_at, "the end of its retention")


def cancel(scene: Scene) -> None:
    normal(scene)
    scene.arguments = ("cancel", str(scene.accepted[0]), *ORDER)


def reprocess(scene: Scene) -> None:
    """A batch was stopped: its second document was not generated."""
    with scene.system() as system:
        scene.submit(system, 2)
        scene.stack.arm({"operation": "submit", "kind": "stopped", "times": 1})
        system.processing.run()
    wait_for(scene.generated, "the end of the batch")
    with scene.system(lambda: utc_now() + timedelta(seconds=1)) as system:
        assert system.monitoring.run()["published"] == 2
        (failed,) = (one for one in scene.accepted if system.queries.get(one, OPERATOR).failure)
    scene.arguments = ("reprocess", str(failed), *ORDER)


def _held(scene: Scene, fault: str) -> str:
    """Nobody can tell by machine whether Thunderhead has the batch; returns its id."""
    scene.environment |= BLIND
    with scene.system() as system:
        scene.submit(system, 2)
        scene.stack.arm({"operation": "submit", "kind": fault, "times": 1})
        system.processing.run()
    with scene.system(later) as system:
        assert system.processing.run()["held"] == 2
        (held,) = system.held.waiting(9)
    return str(held.batch.batch_id)


def adopt(scene: Scene) -> None:
    batch_id = _held(scene, "reset-after")
    (batch,) = scene.stack.ledger()["batches"]
    which = ("--thunderhead-batch", batch["batchId"])
    scene.arguments = ("adopt", batch_id, *which, *ORDER)


def resend(scene: Scene) -> None:
    scene.arguments = ("resend", _held(scene, "reset-before"), *ORDER)


def delivered(scene: Scene) -> None:
    scene.arguments = ("delivered", _held(scene, "reset-after"), *ORDER)


def abandon(scene: Scene) -> None:
    scene.arguments = ("abandon", _held(scene, "reset-before"), *ORDER)


HELD_OPTIONS = {"references_unique": False, "lookup_supported": False}
SCENES: dict[str, tuple[Callable[[Scene], None], dict[str, Any]]] = {
    "normal": (normal, {}),
    "lost": (lost, {}),
    "accepted": (accepted, {}),
    "rejected": (rejected, {}),
    "submitted": (submitted, {}),
    "unanswered": (unanswered, {}),
    "unconfigured": (unconfigured, {}),
    "claimed": (claimed, {}),
    "unpublished": (unpublished, {}),
    "overdue": (overdue, {"generation_seconds": (1000.0, 1000.0)}),
    "ended": (ended, {}),
    "cancel": (cancel, {}),
    "reprocess": (reprocess, {}),
    "adopt": (adopt, HELD_OPTIONS),
    "resend": (resend, HELD_OPTIONS),
    "delivered": (delivered, HELD_OPTIONS),
    "abandon": (abandon, HELD_OPTIONS),
}


def run_until_killed(name: str, scene: Scene, *arguments: str) -> None:
    """Run a command that must die at the failpoint, and nowhere else."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.crash.child", name, *arguments],
        cwd=ROOT,
        env=variables(scene.environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == -signal.SIGKILL, (finished.stdout, finished.stderr)
    died_there(name, scene)


def died_there(name: str, scene: Scene) -> None:
    """See what only a death at this very point leaves behind."""
    leaves = FAILPOINTS[name].leaves
    # What has left the process arrives in a moment.
    wait_for(lambda: leaves in (left_behind(scene) or {"nothing"}), f"{leaves} left behind")


def left_behind(scene: Scene) -> set[str]:
    """Say what there is, such as `leased SUBMITTING batches`."""
    with scene.system() as system, system.store._engine.connect() as connection:
        found = {
            f"{'leased ' if row.lease_owner else ''}{row.state} {what}"
            for what, table, state in (
                ("requests", document_requests, document_requests.c.status),
                ("batches", batches, batches.c.state),
                ("events", outbox, outbox.c.state),
            )
            for row in connection.execute(select(state.label("state"), table.c.lease_owner))
        }
        for what, statement in EXTRAS.items():
            if connection.execute(statement).first():
                found.add(what)
    for batch in scene.stack.ledger()["batches"]:
        is_cancelled = batch["status"] in ("STOPPING", "CANCELLED")
        found.add("cancelled documents" if is_cancelled else "accepted documents")
    return found


EXTRAS = {
    "purged requests": select(document_requests).where(document_requests.c.purged_at.is_not(None)),
    "heartbeats": select(job_runs).where(job_runs.c.job == "processing"),
    "batches sent again": select(batches).where(
        batches.c.last_send_at > batches.c.created_at, batches.c.lease_owner.is_not(None)
    ),
}


def settle(scene: Scene) -> None:
    """Go on as the next runs would, until everything is at its end and published."""
    with scene.system(later) as system:

        def all_ended() -> bool:
            system.processing.run()
            system.monitoring.run()
            rows = requests_of(system.store._engine).values()
            return (
                all(row.status in TERMINAL for row in rows)
                and not system.monitoring.run()["published"]
            )

        wait_for(all_ended, "the end of all requests")
        events = read_all_events(scene.stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC])
        judge(system.store._engine, scene.accepted, scene.stack.ledger(), events)


JOBS = {name: point for name, point in FAILPOINTS.items() if point.part in ("process", "monitor")}
ACTIONS = {name: point for name, point in FAILPOINTS.items() if point.part == "operations"}
INTAKE = {name: point for name, point in FAILPOINTS.items() if point.part == "serve"}


def prepare(start: StackStarter, scene_name: str) -> Scene:
    make, options = SCENES[scene_name]
    stack = start(**{"generation_seconds": (0.05, 0.05), "stall_seconds": 2.0, **options})
    scene = Scene(stack, stack.environment(**SETTINGS))
    make(scene)
    return scene


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_is_killed(start: StackStarter, name: str) -> None:
    point = JOBS[name]
    scene = prepare(start, point.scene)
    # What waits for its backoff or its poll is due by now or in a moment.
    run_until_killed(name, scene, point.part, "--until-idle")
    scene.stack.disarm()
    settle(scene)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_that_is_killed_is_done_or_can_be_done_again(
    start: StackStarter, name: str
) -> None:
    scene = prepare(start, ACTIONS[name].scene)
    run_until_killed(name, scene, "operations", *scene.arguments)

    again = subprocess.run(
        [sys.executable, "-m", "shared", "operations", *scene.arguments],
        cwd=ROOT,
        env=variables(scene.environment),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )

    assert again.returncode == (1 if "after" in name else 0), again.stderr
    settle(scene)


@pytest.mark.parametrize("name", INTAKE)
def test_an_api_that_is_killed_has_stored_the_request_or_not(
    start: StackStarter, name: str
) -> None:
    scene = Scene(stack := start(), stack.environment(**SETTINGS))
    is_answered = isinstance(INTAKE[name].at, Answer)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.crash.child", name, "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=variables(scene.environment)) as process:
        try:
            wait_for(lambda: is_ready(url), "the API")
            answer = contextlib.nullcontext() if is_answered else pytest.raises(UNANSWERED)
            with answer:
                posted = requests.post(
                    f"{url}/api/v1/document-requests", json=body(1), timeout=SECONDS
                )
                assert posted.status_code == 202
                scene.accepted.append(UUID(posted.json()["requestId"]))
            assert process.wait(SECONDS) == -signal.SIGKILL
            died_there(name, scene)
        finally:
            process.kill()
    with scene.system() as system:
        again = TestClient(api(system)).post("/api/v1/document-requests", json=body(1))
    assert again.status_code == (200 if "after" in name else 202), again.text
    scene.accepted.append(UUID(again.json()["requestId"]))
    assert len(set(scene.accepted)) == 1, "the 202 and the replay name the same request"
    settle(scene)


def is_ready(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/health/ready", timeout=SECONDS).status_code == 200
    return False


def test_there_are_enough_failpoints_and_each_has_its_scene() -> None:
    assert len(FAILPOINTS) >= 30
    assert {point.scene for point in FAILPOINTS.values()} == set(SCENES)


def test_what_dies_before_a_commit_also_dies_after_it() -> None:
    """A death before a commit leaves what was there; only its twin proves which one it was."""
    commits = [
        (point.at.patterns, point.at.moment, point.scene)
        for point in FAILPOINTS.values()
        if isinstance(point.at, Commit)
    ]
    for patterns, _, scene in commits:
        assert (patterns, "after", scene) in commits
