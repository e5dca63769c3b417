"""Kafka as Event Hubs speaks it: TLS, then SASL with a key or a token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.broker import MockBroker
from shared.clients.kafka import KafkaPublisher
from shared.domain.models import OutboxEvent
from shared.jobs.ports import PublishFailure
from tests.integration.events.identity import Identity, check, managed_identity
from tests.integration.events.kafka_gate import KafkaGate, kafka_gate
from tests.integration.events.refusal import Refused
from tests.integration.reading import read_events
from tests.integration.waiting import wait_for
from tests.unit.clients.certificates import write_self_signed
from tests.unit.clients.support import TRACEPARENT, make_settings

TOPIC = "events"
AUDIENCE = "https://localhost"
KEY = "c2VjcmV0IGtleSBvZiB0aGUgbmFtZXNwYWNl"
CONNECTION_STRING = f"Endpoint=sb://localhost/;SharedAccessKeyName=send;SharedAccessKey={KEY}"


@pytest.fixture
def broker() -> Iterator[str]:
    with MockBroker([TOPIC]) as mock:
        yield mock.bootstrap_servers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with managed_identity(monkeypatch) as endpoint:
        yield endpoint


def authenticate(mechanism: str, message: bytes) -> float | None:
    """Accept the connection string, or a token for this namespace."""
    if mechanism == "PLAIN":
        if message != f"\0$ConnectionString\0{CONNECTION_STRING}".encode():
            raise Refused("Invalid SAS key")
        return None
    token = message.removeprefix(b"n,,\x01auth=Bearer ").rstrip(b"\x01").decode()
    return check(token, AUDIENCE)


@pytest.fixture
def gate(broker: str, certificate: tuple[Path, Path]) -> Iterator[KafkaGate]:
    with kafka_gate(broker, *certificate, authenticate) as opened:
        yield opened


class Setup:
    def __init__(self, gate: KafkaGate, ca_file: Path) -> None:
        self.gate = gate
        self.values: dict[str, Any] = {
            "kafka_bootstrap_servers": gate.bootstrap_servers,
            "events_ca_file": ca_file,
            "events_timeout_seconds": 10,
        }
        self.publishers: list[KafkaPublisher] = []

    def sas(self, **values: Any) -> KafkaPublisher:
        chosen = {"kafka_security": "sas", "eventhub_connection_string": CONNECTION_STRING}
        return self._publisher(chosen | values)

    def entra(self, **values: Any) -> KafkaPublisher:
        return self._publisher({"kafka_security": "entra"} | values)

    def _publisher(self, values: dict[str, Any]) -> KafkaPublisher:
        publisher = KafkaPublisher(make_settings(**(self.values | values)))
        self.publishers.append(publisher)
        return publisher


@pytest.fixture
def hub(gate: KafkaGate, certificate: tuple[Path, Path]) -> Iterator[Setup]:
    setup = Setup(gate, certificate[0])
    yield setup
    for publisher in setup.publishers:
        publisher.close()


def event(number: int = 0) -> OutboxEvent:
    payload = json.dumps({"n": number}).encode()
    return OutboxEvent(uuid4(), uuid4(), 1, TOPIC, payload, TRACEPARENT)


def failure_of(publisher: KafkaPublisher) -> PublishFailure:
    one = event()
    failure = publisher.publish([one])[one.event_id]
    assert failure is not None
    assert not failure.is_final
    return failure


# --- accepted ----------------------------------------------------------------------------


def test_sas(hub: Setup, broker: str) -> None:
    events = [event(number) for number in range(20)]
    assert hub.sas().publish(events) == {one.event_id: None for one in events}
    assert {mechanism for mechanism, _ in hub.gate.accepted} == {"PLAIN"}
    assert hub.gate.requests_before_authentication == 0
    read = read_events(broker, [TOPIC], 20)
    assert {one["key"] for one in read} == {str(one.request_id) for one in events}


def test_entra(hub: Setup, broker: str, identity: Identity) -> None:
    events = [event(number) for number in range(20)]
    assert hub.entra().publish(events) == {one.event_id: None for one in events}
    assert {mechanism for mechanism, _ in hub.gate.accepted} == {"OAUTHBEARER"}
    assert set(identity.resources) == {AUDIENCE}
    read = read_events(broker, [TOPIC], 20)
    assert {one["key"] for one in read} == {str(one.request_id) for one in events}


def test_a_token_is_renewed_before_it_ends(hub: Setup, broker: str, identity: Identity) -> None:
    identity.lifetime_seconds = 5
    publisher = hub.entra()
    sent = 0
    give_up_at = time.monotonic() + 30
    while len(set(hub.gate.accepted)) < 3:
        assert time.monotonic() < give_up_at, hub.gate
        one = event(sent)
        assert publisher.publish([one]) == {one.event_id: None}
        sent += 1
    assert hub.gate.refused == []
    assert hub.gate.requests_before_authentication == 0
    read_events(broker, [TOPIC], sent)


# --- refused -----------------------------------------------------------------------------


def test_a_wrong_key(hub: Setup) -> None:
    wrong = CONNECTION_STRING.replace(KEY, "d3Jvbmcga2V5")
    failure = failure_of(hub.sas(eventhub_connection_string=wrong, events_timeout_seconds=2))
    assert "Invalid SAS key" in failure.reason
    assert "d3Jvbmcga2V5" not in failure.reason
    assert hub.gate.accepted == []


def test_an_unknown_authority(hub: Setup) -> None:
    failure = failure_of(hub.sas(events_ca_file=None, events_timeout_seconds=2))
    assert "certificate verify failed" in failure.reason
    assert hub.gate.refused == hub.gate.accepted == []


def test_a_certificate_for_another_host(hub: Setup) -> None:
    address = f"127.0.0.1:{hub.gate.port}"
    failure = failure_of(hub.sas(kafka_bootstrap_servers=address, events_timeout_seconds=2))
    assert "certificate verify failed" in failure.reason
    assert hub.gate.refused == hub.gate.accepted == []


def test_a_token_for_another_namespace(hub: Setup, identity: Identity) -> None:
    identity.audience = "https://other.servicebus.windows.net"
    failure = failure_of(hub.entra(events_timeout_seconds=2))
    assert "Audience doesn't match" in failure.reason
    assert not any(token in failure.reason for token in identity.issued)


def test_a_token_that_has_ended(hub: Setup, identity: Identity) -> None:
    identity.lifetime_seconds, identity.says_seconds = -10, 3600
    failure = failure_of(hub.entra(events_timeout_seconds=2))
    assert "Signature has expired" in failure.reason
    assert not any(token in failure.reason for token in identity.issued)


def test_a_token_that_has_ended_by_its_issuers_word(hub: Setup, identity: Identity) -> None:
    identity.lifetime_seconds = -10
    failure = failure_of(hub.entra())
    assert "has ended already" in failure.reason
    assert hub.gate.refused == hub.gate.accepted == []


def test_no_token_and_then_one(hub: Setup, identity: Identity) -> None:
    identity.status = 500
    publisher = hub.entra()
    began = time.monotonic()
    failure = failure_of(publisher)
    assert time.monotonic() - began < 8, "the client library's own wait is 10 s"
    assert "no token from Entra ID: ClientAuthenticationError" in failure.reason
    identity.status = 200
    one = event()
    assert publisher.publish([one]) == {one.event_id: None}


def test_a_key_that_is_accepted_later(hub: Setup) -> None:
    publisher = hub.sas(events_timeout_seconds=2)
    hub.gate.authenticate = refuse
    assert "no role yet" in failure_of(publisher).reason
    hub.gate.authenticate = authenticate
    one = event()
    assert wait_for(lambda: publisher.publish([one]) == {one.event_id: None}, "the role")


def refuse(mechanism: str, message: bytes) -> float | None:
    raise Refused("no role yet")
