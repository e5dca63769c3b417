"""The system between its peers: simulators over HTTP, a broker over TCP, one database file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import RowMapping, text

from local import reference_data
from local.broker import MockBroker
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions
from local.thunderhead import create_app as create_thunderhead
from shared.composition import System, compose
from shared.domain import strict_json
from shared.domain.models import DocumentRequest, NewRequest
from shared.domain.resource import to_resource
from shared.domain.statuses import RequestStatus
from shared.jobs.intake import Stored
from shared.jobs.request_storage import RequestFilter
from shared.settings import Settings
from shared.web.bodies import read_document_request
from tests.contracts.validation import assert_valid_event
from tests.integration.clocks import TestClock
from tests.integration.reading import read_events
from tests.unit.jobs.fakes import arrivals

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SETTLED = frozenset({RequestStatus.COMPLETED, RequestStatus.FAILED, RequestStatus.HELD})
TOPIC, POLICY_TOPIC = "oms-document-status", "oms-policy-status"
GOOD = {"InvoiceNumber": "490634", "TotalAmount": 10.5}
TIMEOUT = 10

PATIENCE: dict[str, Any] = {
    "retry_base_seconds": 1,
    "retry_max_seconds": 10,
    "poll_min_seconds": 5,
    "poll_max_seconds": 10,
    "thunderhead_visibility_seconds": 30,
    "pending_grace_seconds": 30,
    "http_timeout_seconds": 5,
    "lease_seconds": 60,
    "events_timeout_seconds": 10,
    "http_concurrency": 4,
}
STEP_SECONDS = 15.0
"""Longer than any wait of these settings: after it, everything that waited is due."""


def invoice(correlation_id: str, **changes: Any) -> NewRequest:
    """Build a request for an invoice that Thunderhead can generate."""
    body = {
        "sourceSystem": "ARCADE",
        "requestCorrelationId": correlation_id,
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "metadata": {"INVOICE_ID": correlation_id, "FOOTER_ID": "2"},
        "content": {"Document": GOOD},
        **changes,
    }
    return read_document_request(strict_json.loads(json.dumps(body).encode()))


@dataclass
class World:
    clock: TestClock
    database_url: str
    thunderhead: ServerThread
    reference_data: ServerThread
    broker: MockBroker
    stack: ExitStack
    session: requests.Session = field(default_factory=requests.Session)

    # --- the system ---------------------------------------------------------------------------

    def system(self, **changes: Any) -> System:
        """Compose a system of its own, as another process would."""
        values: dict[str, Any] = {
            "environment": "local",
            "database_url": self.database_url,
            "reference_data_base_url": self.reference_data.url,
            "thunderhead_base_url": f"{self.thunderhead.url}/thunderhead/v1",
            "thunderhead_auth": "none",
            "kafka_bootstrap_servers": self.broker.bootstrap_servers,
            "kafka_security": "plaintext",
            "events_allowed_topics": (POLICY_TOPIC,),
            "api_auth": "none",
            **PATIENCE,
            **changes,
        }
        system = compose(Settings(**values), self.clock)
        self.stack.callback(system.close)
        return system

    def submit(self, system: System, requests_: Sequence[NewRequest]) -> list[UUID]:
        answers = system.intake.submit(arrivals(requests_))
        stored = [answer for answer in answers if isinstance(answer, Stored)]
        assert len(stored) == len(answers), answers
        return [answer.request.request_id for answer in stored]

    def submit_invoices(self, system: System, count: int) -> list[UUID]:
        return self.submit(system, [invoice(f"REQ-{number:04}") for number in range(count)])

    def all_requests(self, system: System) -> list[DocumentRequest]:
        return list(system.store.read(lambda tx: tx.requests.page(RequestFilter(), 5000, None)))

    def statuses(self, system: System) -> Counter[RequestStatus]:
        return Counter(request.status for request in self.all_requests(system))

    def get(self, system: System, request_id: UUID) -> DocumentRequest:
        request = system.store.read(lambda tx: tx.requests.get(request_id))
        assert request is not None
        return request

    def drain(
        self, system: System, *, rounds: int = 30, step: float = STEP_SECONDS
    ) -> Counter[str]:
        """Run both jobs, and let time pass, until every request is terminal or HELD."""
        total: Counter[str] = Counter()
        for _ in range(rounds):
            for run in (system.processing.run, system.monitoring.run):
                total.update({k: v for k, v in run().items() if isinstance(v, int)})
            if not set(self.statuses(system)) - SETTLED:
                return total
            self.clock.advance(step)
        raise AssertionError(f"not settled after {rounds} rounds: {self.statuses(system)}")

    # --- the other side ---------------------------------------------------------------------

    def arm(self, *faults: dict[str, Any]) -> None:
        response = self.session.post(
            f"{self.thunderhead.url}/_simulator/faults", json=list(faults), timeout=TIMEOUT
        )
        assert response.status_code == 200, response.text

    def disarm(self) -> None:
        self.session.delete(f"{self.thunderhead.url}/_simulator/faults", timeout=TIMEOUT)

    def calls(self) -> dict[str, int]:
        """Count the calls that Thunderhead has received."""
        return self._control("requests")

    def reference_data_calls(self) -> int:
        url = f"{self.reference_data.url}/_simulator/requests"
        return sum(self.session.get(url, timeout=TIMEOUT).json().values())

    def ledger(self) -> dict[str, Any]:
        return self._control("ledger")

    def generated(self) -> Counter[str]:
        """Count how often each document was generated, or will be."""
        return Counter(
            reference
            for batch in self.ledger()["batches"]
            for reference in batch["generatedReferences"]
        )

    def accepted(self) -> Counter[str]:
        """Count in how many accepted batches each document is."""
        return Counter(
            reference
            for batch in self.ledger()["batches"]
            for reference in batch["documentReferences"]
        )

    def assert_each_once(self, system: System) -> None:
        """Nothing is generated twice, and COMPLETED means generated."""
        generated = self.generated()
        assert set(generated.values()) <= {1}, "a document was generated twice"
        completed = {
            str(request.request_id)
            for request in self.all_requests(system)
            if request.status is RequestStatus.COMPLETED
        }
        assert completed <= set(generated)

    def events(self, count: int, broker: MockBroker | None = None) -> list[dict[str, Any]]:
        """Read so many events, then make sure by a marker that there are no more."""
        servers = (broker or self.broker).bootstrap_servers
        events = read_events(servers, [TOPIC, POLICY_TOPIC], count)
        for event in events:
            assert_valid_event(event["value"])
        return events

    def assert_one_event_stored_each(self, system: System) -> None:
        """Each terminal request has one event, and the broker has acknowledged it."""
        ended = [r.request_id for r in self.all_requests(system) if r.status.is_terminal]
        events = rows(system, "SELECT request_id, state FROM outbox")
        assert sorted(UUID(str(event["request_id"])) for event in events) == sorted(ended)
        assert {event["state"] for event in events} <= {"PUBLISHED"}

    def assert_one_event_each(self, system: System) -> list[dict[str, Any]]:
        """Each terminal request has one event, which shows it as it is."""
        ended = [r for r in self.all_requests(system) if r.status.is_terminal]
        events = self.events(len(ended))
        assert sorted(event["key"] for event in events) == sorted(str(r.request_id) for r in ended)
        resources = {str(r.request_id): to_resource(r) for r in ended}
        for event in events:
            assert event["value"]["data"] == resources[event["key"]]
        return events

    def _control(self, name: str) -> dict[str, Any]:
        body: dict[str, Any] = self.session.get(
            f"{self.thunderhead.url}/_simulator/{name}", timeout=TIMEOUT
        ).json()
        return body


def rows(system: System, statement: str) -> list[RowMapping]:
    """Read the database behind the system's back."""
    with system.store._engine.connect() as connection:
        return list(connection.execute(text(statement)).mappings())


def start_world(stack: ExitStack, clock: TestClock, database_url: str, **options: Any) -> World:
    """Start the peers; options are those of the Thunderhead simulator."""
    values = {"clock": clock.seconds, "generation_seconds": (2.0, 2.0), **options}
    thunderhead = stack.enter_context(
        ServerThread(create_thunderhead(ThunderheadOptions(**values)))
    )
    codes = stack.enter_context(ServerThread(reference_data.create_app()))
    broker = stack.enter_context(MockBroker([TOPIC, POLICY_TOPIC]))
    world = World(clock, database_url, thunderhead, codes, broker, stack)
    stack.callback(world.session.close)
    return world


WorldStarter = Callable[..., World]
