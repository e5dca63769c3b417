"""The whole system on one machine: the real parts as processes, the others' parts simulated.

Reference Data simulator ─┐            ┌─ Thunderhead simulator
      API and console ────┤── SQLite ──┤
   ProcessingTimer worker ┘            └─ MonitoringTimer worker ── Kafka broker ── consumer
"""

import contextlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local.children import ROOT, Child, Children
from local.serving import HOST
from local.stopping import StopSignals

DEFAULT_TOPIC = "oms-document-status"
POLICY_TOPIC = "oms-policy-status"
SCHEDULE = "*/2 * * * * *"
GENERATION_SECONDS = (2, 5)

_ANSWER_SECONDS = 5.0
_REAP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ports:
    """Preferred ports, taken where they are free; 0 takes any free port."""

    api: int = 0
    reference_data: int = 0
    thunderhead: int = 0


@dataclass(slots=True)
class Stack:
    """The running system: where its parts are, and what its consumer has seen."""

    directory: Path
    api_url: str
    reference_data_url: str
    thunderhead_url: str
    bootstrap_servers: str
    children: Children
    consumer: Child
    settings: dict[str, str]
    """The environment of its parts."""
    keeps_files: bool = False
    """Whether logs and database outlive the stack."""

    @property
    def requests_url(self) -> str:
        """The collection of document requests."""
        return f"{self.api_url}/api/v1/document-requests"

    @property
    def console_url(self) -> str:
        """The operator console."""
        return f"{self.api_url}/console/"

    @property
    def database_url(self) -> str:
        """The database of all parts."""
        return self.settings["OMS_DATABASE_URL"]

    def operate(self, *arguments: str) -> None:
        """Do what an operator does: `python -m shared operations …`."""
        command = self.children.start(
            f"operations-{arguments[0]}", self.settings, "shared", "operations", *arguments
        )
        self.children.wait_for_end(command)

    def new_events(self) -> list[dict[str, Any]]:
        """Return the events that the consumer process has printed since the last call."""
        return [json.loads(line) for line in self.consumer.lines()]


@contextlib.contextmanager
def running_stack(
    stop: StopSignals, report: Callable[[str], None], ports: Ports | None = None
) -> Iterator[Stack]:
    """Start everything in a new temporary directory, and stop and remove it at the end.

    Reports each part when it is ready. Raises Stopped and StackFailed, also out of the pauses of
    its children.
    """
    directory = Path(tempfile.mkdtemp(prefix="oms-"))
    stack = None
    try:
        with Children(directory, stop) as children:
            stack = _start(directory, children, report, ports or Ports())
            try:
                yield stack
            except requests.RequestException:
                # Where a part has died, its log says more than the call that it left open.
                children.pause(_REAP_SECONDS)
                raise
    finally:
        if stack is None or not stack.keeps_files:
            shutil.rmtree(directory)


def _start(
    directory: Path, children: Children, report: Callable[[str], None], ports: Ports
) -> Stack:
    own = _own_environment()
    own["OMS_DATABASE_URL"] = f"sqlite:///{directory / 'oms.db'}"
    migration = children.start("migration", own, "shared", "migrate")
    reference_data = children.start(
        "reference-data", own, "local.reference_data", f"--port={_if_free(ports.reference_data)}"
    )
    thunderhead = children.start(
        "thunderhead",
        own,
        "local.thunderhead",
        f"--port={_if_free(ports.thunderhead)}",
        "--authentication=oauth2",
        "--generation-seconds={}:{}".format(*GENERATION_SECONDS),
        "--latency-seconds=0.05",
    )
    topics = (f"--topic={DEFAULT_TOPIC}", f"--topic={POLICY_TOPIC}")
    broker = children.start("broker", own, "local.broker", *topics)

    reference_data_url = children.first_line(reference_data)
    report(f"Reference Data simulator  {reference_data_url}")
    thunderhead_url = children.first_line(thunderhead)
    report(f"Thunderhead simulator     {thunderhead_url}")
    bootstrap_servers = children.first_line(broker)
    report(f"Kafka broker              {bootstrap_servers}")
    settings = own | {
        "OMS_REFERENCE_DATA_BASE_URL": reference_data_url,
        "OMS_THUNDERHEAD_BASE_URL": thunderhead_url,
        "OMS_THUNDERHEAD_TOKEN_URL": _origin(thunderhead_url) + "/oauth2/token",
        "OMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "OMS_EVENTS_TOPIC": DEFAULT_TOPIC,
        "OMS_EVENTS_ALLOWED_TOPICS": json.dumps([POLICY_TOPIC]),
        "OMS_POLL_MIN_SECONDS": "1",
        "OMS_RETRY_BASE_SECONDS": "1",
        "OMS_STATISTICS_SECONDS": "5",
        "PROCESSING_SCHEDULE": SCHEDULE,
        "MONITORING_SCHEDULE": SCHEDULE,
    }
    # The consumer reads from the beginning: it may be ready later than the others.
    consumer = children.start(
        "consumer",
        settings,
        "local.consumer",
        f"--bootstrap-servers={bootstrap_servers}",
        *topics,
    )
    children.wait_for_end(migration)
    report(f"SQLite database           {directory / 'oms.db'}")
    port = _if_free(ports.api) or _free()
    api_url = f"http://{HOST}:{port}"
    api = children.start("api", settings, "shared", "serve", f"--host={HOST}", f"--port={port}")
    timers = [
        children.start(name, settings, "local.timers", name)
        for name in ("ProcessingTimer", "MonitoringTimer")
    ]
    children.wait_until(lambda: _is_live(api_url), api)
    report(f"Document Request API      {api_url}")
    report(f"Operator console          {api_url}/console/")
    for timer in timers:
        report(f"{timer.name:25} {children.first_line(timer)}")
    return Stack(
        directory=directory,
        api_url=api_url,
        reference_data_url=reference_data_url,
        thunderhead_url=thunderhead_url,
        bootstrap_servers=bootstrap_servers,
        children=children,
        consumer=consumer,
        settings=settings,
    )


def _own_environment() -> dict[str, str]:
    """Return the environment with the sample settings in place of whatever OMS_* is in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OMS_")}
    sample = json.loads((ROOT / "local.settings.sample.json").read_bytes())
    values: dict[str, str] = sample["Values"]
    # A proxy for the outside world must not get between parts on the loopback interface.
    return inherited | values | {"no_proxy": HOST}


def _if_free(preferred: int) -> int:
    """Return the preferred port if nobody listens there, else 0: a simulator takes one itself."""
    with contextlib.suppress(OSError), socket.create_server((HOST, preferred)):
        return preferred
    return 0


def _free() -> int:
    """Return a port that is free by now: the API has to be told one."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _is_live(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{url}/health/live", timeout=_ANSWER_SECONDS).ok
    except requests.ConnectionError:
        return False
