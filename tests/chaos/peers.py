"""The other side of the system: simulators, broker and consumer, none of which is ever killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local import reference_data
from local.children import Child, Children
from local.serving import HOST, ServerThread
from tests.chaos.plan import LATE_SECONDS, SETTINGS, Plan, faults
from tests.integration.commands.processes import Environment, free_port, run, variables
from tests.integration.reading import read_all_events

TOPICS = ("oms-document-status", "oms-policy-status")
_CALL_SECONDS = 30.0


@dataclass(slots=True)
class Peers:
    """Everything but the system itself."""

    directory: Path
    environment: Environment
    children: Children
    reference_data: ServerThread
    thunderhead_url: str
    broker: Child
    consumer: Child
    api_port: int

    @property
    def database(self) -> Path:
        return self.directory / "oms.db"

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    # --- Thunderhead -----------------------------------------------------------------------

    def arm(self) -> None:
        requests.post(self._control("faults"), json=faults(), timeout=_CALL_SECONDS)

    def disarm(self) -> None:
        requests.delete(self._control("faults"), timeout=_CALL_SECONDS)

    def faults_hit(self) -> int:
        """Count the calls that were hit by the faults that are armed."""
        armed = requests.get(self._control("faults"), timeout=_CALL_SECONDS).json()
        return sum(fault["hits"] for fault in armed["faults"])

    def calls(self) -> dict[str, int]:
        counts: dict[str, int] = requests.get(
            self._control("requests"), timeout=_CALL_SECONDS
        ).json()
        return counts

    def ledger(self) -> dict[str, Any]:
        """Return what Thunderhead accepted and generated."""
        ledger: dict[str, Any] = requests.get(self._control("ledger"), timeout=_CALL_SECONDS).json()
        return ledger

    def _control(self, name: str) -> str:
        return f"{self.thunderhead_url.rsplit('/', 2)[0]}/_simulator/{name}"

    # --- outages ---------------------------------------------------------------------------

    @contextmanager
    def without_broker(self) -> Iterator[None]:
        """Stop the broker's process: connections hang, requests are answered late or never.

        It could not come back to its port after an end. What its sockets hold is read once it
        goes on: events whose sender has given up, or died, arrive all the same.
        """
        self.broker.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.broker.process.send_signal(signal.SIGCONT)

    @contextmanager
    def without_reference_data(self) -> Iterator[None]:
        """Refuse connections to the reference data."""
        self.reference_data.pause()
        try:
            yield
        finally:
            self.reference_data.resume()

    # --- events ----------------------------------------------------------------------------

    def new_events(self) -> int:
        """Count the events that the consumer has printed since the last call."""
        return len(self.consumer.lines())

    def all_events(self) -> list[dict[str, Any]]:
        """Return everything that the broker holds, once nobody publishes any more."""
        return read_all_events(self.environment["OMS_KAFKA_BOOTSTRAP_SERVERS"], list(TOPICS))


@contextmanager
def running_peers(plan: Plan, directory: Path, children: Children) -> Iterator[Peers]:
    """Start the peers and migrate the database."""
    with ExitStack() as stack:
        codes = stack.enter_context(ServerThread(reference_data.create_app()))
        inherited = variables({"PYTHONDONTWRITEBYTECODE": "", "no_proxy": HOST})
        thunderhead = children.start(
            "thunderhead",
            inherited,
            "local.thunderhead",
            f"--seed={plan.seed}",
            "--visibility-seconds=1",
            f"--late-seconds={LATE_SECONDS}",
            "--generation-seconds=0.5:3",
            "--latency-seconds=0.02",
            "--stall-seconds=3",
            "--drip-seconds=0.05",
        )
        broker = children.start(
            "broker", inherited, "local.broker", *(f"--topic={topic}" for topic in TOPICS)
        )
        thunderhead_url = children.first_line(thunderhead)
        servers = children.first_line(broker)
        consumer = children.start(
            "consumer",
            inherited,
            "local.consumer",
            f"--bootstrap-servers={servers}",
            *(f"--topic={topic}" for topic in TOPICS),
        )
        environment = inherited | {
            "OMS_ENVIRONMENT": "local",
            "OMS_DATABASE_URL": f"sqlite:///{directory / 'oms.db'}",
            "OMS_REFERENCE_DATA_BASE_URL": codes.url,
            "OMS_THUNDERHEAD_BASE_URL": thunderhead_url,
            "OMS_THUNDERHEAD_AUTH": "none",
            "OMS_KAFKA_BOOTSTRAP_SERVERS": servers,
            "OMS_KAFKA_SECURITY": "plaintext",
            "OMS_EVENTS_TOPIC": TOPICS[0],
            "OMS_EVENTS_ALLOWED_TOPICS": json.dumps(TOPICS[1:]),
            "OMS_API_AUTH": "none",
            **SETTINGS,
        }
        migration = run(environment, "migrate")
        assert migration.returncode == 0, migration.stderr
        yield Peers(
            directory,
            environment,
            children,
            codes,
            thunderhead_url,
            broker,
            consumer,
            free_port(),
        )
