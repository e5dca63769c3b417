"""Four processes of each job at once, on one database."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from uuid import UUID

import requests

from shared.composition import open_store
from tests.crash.judge import TERMINAL, judge, requests_of
from tests.integration.commands.processes import ROOT, SECONDS, command, serving, variables
from tests.integration.commands.stack import StackStarter
from tests.integration.commands.test_commands import body
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC
from tests.integration.reading import read_all_events
from tests.integration.waiting import wait_for

REQUESTS = 2000
PROCESSES = 4


def test_four_of_each_job_do_everything_once(start: StackStarter) -> None:
    stack = start()
    environment = stack.environment(OMS_MAX_DOCUMENTS_PER_BATCH="25", OMS_HTTP_CONCURRENCY="4")
    accepted = []
    with serving(environment) as api:
        for first in range(0, REQUESTS, 500):
            items = [body(number) for number in range(first, first + 500)]
            answer = requests.post(
                f"{api}/document-requests/batch", json={"items": items}, timeout=SECONDS
            )
            accepted += [UUID(item["requestId"]) for item in answer.json()["items"]]
    store = open_store(stack.database_url)
    total: Counter[str] = Counter()

    def all_ended() -> bool:
        children = [
            subprocess.Popen(
                command(job, "--until-idle"),
                cwd=ROOT,
                env=variables(environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for job in ("process", "monitor") * PROCESSES
        ]
        for child in children:
            output, _ = child.communicate(timeout=SECONDS)
            assert child.returncode == 0
            summary = json.loads(output.splitlines()[-1])
            total.update({key: value for key, value in summary.items() if isinstance(value, int)})
        return {row.status for row in requests_of(store._engine).values()} <= set(TERMINAL)

    wait_for(all_ended, "the end of all requests", SECONDS)

    events = read_all_events(stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC])
    judge(store._engine, accepted, stack.ledger(), events)
    store.close()
    assert total["submitted"] == total["completed"] == total["published"] == len(accepted)
    assert len(accepted) == REQUESTS
    assert total["lost"] == 0, "nobody was late, so nobody took anything over"
