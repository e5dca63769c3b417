"""AMQP as Event Hubs speaks it: TLS, a token for each hub, an answer for each message.

The client is Microsoft's, as it is; both transports go through every test.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest

from shared.clients.amqp import AmqpPublisher
from shared.domain.models import OutboxEvent
from shared.jobs.ports import PublishFailure
from tests.integration.events.amqp_gate import AmqpGate, amqp_gate
from tests.integration.events.identity import Identity, check, managed_identity
from tests.integration.events.refusal import Refused
from tests.unit.clients.certificates import write_self_signed
from tests.unit.clients.support import TRACEPARENT, make_settings, unused_port

if TYPE_CHECKING:
    from tests.integration.events.amqp_server import AmqpServer, Received

pytest.importorskip(
    "proton",
    reason="AMQP is tested where python-qpid-proton is installed, which needs a C compiler",
)

LONG = 8.0
"""Seconds; far beyond the limits here. The SDK waits for ever for some of it."""
HUB, OTHER_HUB = "events", "more-events"
AUDIENCE = "https://eventhubs.azure.net/"
KEY = "c2VjcmV0IGtleSBvZiB0aGUgbmFtZXNwYWNl"
CONNECTION_STRING = f"Endpoint=sb://localhost/;SharedAccessKeyName=send;SharedAccessKey={KEY}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with managed_identity(monkeypatch) as endpoint:
        yield endpoint


def authenticate(kind: str, audience: str, token: str) -> None:
    """Accept a signature by the key, or a token for Event Hubs."""
    if kind == "jwt":
        check(token, AUDIENCE)
        return
    assert kind == "servicebus.windows.net:sastoken"
    parts = parse_qs(token.removeprefix("SharedAccessSignature "))
    resource, expiry = token.partition("sr=")[2].partition("&")[0], parts["se"][0]
    signature = hmac.new(KEY.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256)
    if parts["sig"] != [b64encode(signature.digest()).decode()] or parts["sr"] != [audience]:
        raise Refused("InvalidSignature: The token has an invalid signature.")


@pytest.fixture
def server() -> Iterator[AmqpServer]:
    from tests.integration.events.amqp_server import amqp_server

    with amqp_server({HUB, OTHER_HUB}, authenticate) as running:
        yield running


@pytest.fixture(params=["amqp", "amqp-websocket"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gate(server: AmqpServer, certificate: tuple[Path, Path], transport: str) -> Iterator[AmqpGate]:
    is_websocket = transport == "amqp-websocket"
    with amqp_gate(server.port, *certificate, websocket=is_websocket) as opened:
        yield opened


class Setup:
    def __init__(self, port: int, ca_file: Path, transport: str) -> None:
        self.values: dict[str, Any] = {
            "events_transport": transport,
            "kafka_bootstrap_servers": f"localhost:{port}",
            "events_ca_file": ca_file,
            "events_timeout_seconds": 10,
        }
        self.publishers: list[AmqpPublisher] = []

    def sas(self, **values: Any) -> AmqpPublisher:
        chosen = {"kafka_security": "sas", "eventhub_connection_string": CONNECTION_STRING}
        return self._publisher(chosen | values)

    def entra(self, **values: Any) -> AmqpPublisher:
        return self._publisher({"kafka_security": "entra"} | values)

    def _publisher(self, values: dict[str, Any]) -> AmqpPublisher:
        publisher = AmqpPublisher(make_settings(**(self.values | values)))
        self.publishers.append(publisher)
        return publisher


@pytest.fixture
def hub(gate: AmqpGate, certificate: tuple[Path, Path], transport: str) -> Iterator[Setup]:
    setup = Setup(gate.port, certificate[0], transport)
    yield setup
    for publisher in setup.publishers:
        publisher.close()


def event(number: int = 0, request_id: UUID | None = None, topic: str = HUB) -> OutboxEvent:
    payload = json.dumps({"n": number}).encode()
    return OutboxEvent(uuid4(), request_id or uuid4(), 1, topic, payload, TRACEPARENT)


def failure_of(publisher: AmqpPublisher, one: OutboxEvent | None = None) -> PublishFailure:
    one = one or event()
    failure = publisher.publish([one])[one.event_id]
    assert failure is not None
    assert not failure.is_final
    assert "\n" not in failure.reason
    return failure


def acknowledged(publisher: AmqpPublisher, *events: OutboxEvent) -> bool:
    results = publisher.publish(events)
    assert results.keys() == {one.event_id for one in events}
    assert set(results.values()) == {None}
    return True


# --- accepted ----------------------------------------------------------------------------


def test_sas(hub: Setup, server: AmqpServer, gate: AmqpGate, transport: str) -> None:
    events = [event(number) for number in range(20)]
    assert acknowledged(hub.sas(), *events)
    assert [audience for _, audience, _ in server.tokens] == [f"sb://localhost/{HUB}"]
    assert [one.key for one in server.received] == [str(one.request_id) for one in events]
    assert (gate.connections, gate.websockets) == ((1, 0) if transport == "amqp" else (0, 1))


def test_entra(hub: Setup, server: AmqpServer, identity: Identity) -> None:
    assert acknowledged(hub.entra(), event(), event())
    assert [kind for kind, _, _ in server.tokens] == ["jwt"]
    assert set(identity.resources) == {AUDIENCE.rstrip("/") + "/"}
    assert len(server.received) == 2


def test_a_message_is_a_cloud_event_in_structured_mode(hub: Setup, server: AmqpServer) -> None:
    one = event(7)
    assert acknowledged(hub.sas(), one)
    (received,) = server.received
    assert received.body == one.payload
    assert received.content_type == "application/cloudevents+json"
    assert received.properties == {"traceparent": TRACEPARENT}


def test_events_of_a_request_keep_their_order(hub: Setup, server: AmqpServer) -> None:
    requests = [uuid4(), uuid4()]
    events = [event(number, requests[number % 2]) for number in range(20)]
    assert acknowledged(hub.sas(), *events)
    for request_id in requests:
        bodies = [one.body for one in server.received if one.key == str(request_id)]
        assert bodies == [one.payload for one in events if one.request_id == request_id]


def test_each_hub_has_its_token_and_its_link(hub: Setup, server: AmqpServer) -> None:
    publisher = hub.sas()
    for _ in range(2):
        assert acknowledged(publisher, event(), event(topic=OTHER_HUB), event())
    assert server.links == 2
    assert {one.hub for one in server.received} == {HUB, OTHER_HUB}
    assert len(server.received) == 6


def test_a_token_is_renewed_before_it_ends(
    hub: Setup, server: AmqpServer, identity: Identity
) -> None:
    identity.lifetime_seconds = 2
    publisher = hub.entra()
    give_up_at = time.monotonic() + 30
    while len(set(server.tokens)) < 3:
        assert time.monotonic() < give_up_at, server.tokens
        assert acknowledged(publisher, event())
    assert server.refused == []


def test_close_twice_and_go_on(hub: Setup, gate: AmqpGate) -> None:
    publisher = hub.sas()
    publisher.close()
    assert publisher.publish([]) == {}
    assert gate.connections + gate.websockets == 0
    assert acknowledged(publisher, event())
    publisher.close()
    publisher.close()
    assert acknowledged(publisher, event())


# --- refused -----------------------------------------------------------------------------


def test_a_wrong_key(hub: Setup, server: AmqpServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "d3Jvbmcga2V5"
    publisher = hub.sas(eventhub_connection_string=CONNECTION_STRING.replace(KEY, wrong))
    events = [event(number) for number in range(50)]
    failures = set(publisher.publish(events).values())
    assert len(failures) == 1, "all have the same reason"
    (failure,) = failures
    assert failure is not None
    assert not failure.is_final
    assert "InvalidSignature" in failure.reason
    assert len(server.refused) <= 2, "who was refused for the first does not ask for the others"
    assert wrong not in failure.reason + caplog.text
    assert server.tokens == server.received == []


def test_a_token_for_something_else(hub: Setup, identity: Identity) -> None:
    identity.audience = "https://storage.azure.com/"
    failure = failure_of(hub.entra())
    assert "Audience doesn't match" in failure.reason
    assert not any(token in failure.reason for token in identity.issued)


def test_a_token_that_has_ended_by_its_issuers_word(
    hub: Setup, server: AmqpServer, identity: Identity
) -> None:
    identity.lifetime_seconds = -10
    assert "has ended already" in failure_of(hub.entra()).reason
    assert server.refused == server.tokens == []


def test_no_token_and_then_one(hub: Setup, identity: Identity) -> None:
    identity.status = 500
    publisher = hub.entra()
    reason = failure_of(publisher).reason
    assert "no token from Entra ID: ClientAuthenticationError" in reason
    identity.status = 200
    assert acknowledged(publisher, event())


def test_a_hub_that_is_not_there_does_not_hold_up_another(hub: Setup, server: AmqpServer) -> None:
    lost, fine = event(topic="a-hub-unknown"), event()
    results = hub.sas().publish([lost, fine])
    failure = results[lost.event_id]
    assert failure is not None
    assert not failure.is_final
    assert "NotFound" in failure.reason
    assert results[fine.event_id] is None


def test_a_hub_that_appears_later(hub: Setup, server: AmqpServer) -> None:
    publisher, one = hub.sas(), event(topic="later")
    assert "NotFound" in failure_of(publisher, one).reason
    server.hubs.add("later")
    assert acknowledged(publisher, one)


def test_a_message_that_is_too_large_fails_alone_and_for_good(
    hub: Setup, server: AmqpServer
) -> None:
    server.max_message_bytes = 4096
    large = OutboxEvent(uuid4(), uuid4(), 1, HUB, bytes(4096), TRACEPARENT)
    before, after = event(), event()
    results = hub.sas().publish([before, large, after])
    failure = results[large.event_id]
    assert failure is not None
    assert failure.is_final
    assert "too large" in failure.reason
    assert results[before.event_id] is results[after.event_id] is None
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("condition", "is_final"),
    [("amqp:link:message-size-exceeded", True), ("com.microsoft:server-busy", False)],
)
def test_a_rejection_is_for_one_message(
    hub: Setup, server: AmqpServer, condition: str, is_final: bool
) -> None:
    from proton import Condition

    events = [event(number) for number in range(3)]

    def reject_the_second(received: Received) -> Condition | None:
        is_second = received.body == events[1].payload
        return Condition(condition, "Not this one.", {"by": "test"}) if is_second else None

    server.rejection = reject_the_second
    results = hub.sas().publish(events)
    failure = results[events[1].event_id]
    assert failure is not None
    assert failure.is_final is is_final
    assert "Not this one." in failure.reason
    assert results[events[0].event_id] is results[events[2].event_id] is None


def test_an_unknown_authority(hub: Setup, server: AmqpServer) -> None:
    failure = failure_of(hub.sas(events_ca_file=None))
    assert "CERTIFICATE_VERIFY_FAILED" in failure.reason
    assert server.refused == server.tokens == []


def test_a_certificate_for_another_host(hub: Setup, gate: AmqpGate, server: AmqpServer) -> None:
    there = CONNECTION_STRING.replace("localhost", "127.0.0.1")
    failure = failure_of(
        hub.sas(kafka_bootstrap_servers=f"127.0.0.1:{gate.port}", eventhub_connection_string=there)
    )
    assert "CERTIFICATE_VERIFY_FAILED" in failure.reason
    assert server.refused == server.tokens == []


def test_nothing_secret_is_logged(
    hub: Setup, server: AmqpServer, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    from proton import Condition

    caplog.set_level(logging.DEBUG)
    personal = OutboxEvent(uuid4(), uuid4(), 1, HUB, b'{"name": "a policyholder"}', TRACEPARENT)
    for publisher in (hub.sas(), hub.entra()):
        server.rejection = lambda _: Condition("amqp:internal-error", "No.", {"by": "test"})
        assert "policyholder" not in failure_of(publisher, personal).reason
        server.rejection = lambda _: None
        assert acknowledged(publisher, personal)
    assert "azure.eventhub" in caplog.text
    secrets = [KEY, "policyholder", *identity.issued, *(token for _, _, token in server.tokens)]
    assert [one for one in secrets if one in caplog.text] == []


# --- out ---------------------------------------------------------------------------------


def test_a_server_that_is_down_and_comes_back(
    server: AmqpServer, certificate: tuple[Path, Path], transport: str
) -> None:
    port = unused_port()
    publisher = Setup(port, certificate[0], transport).sas()
    assert "refused" in failure_of(publisher).reason
    is_websocket = transport == "amqp-websocket"
    with amqp_gate(server.port, *certificate, websocket=is_websocket, port=port):
        assert acknowledged(publisher, event())
        publisher.close()


def test_a_connection_that_is_lost_midway_is_made_again(hub: Setup, server: AmqpServer) -> None:
    server.hangs_up_on = {4}
    events = [event(number) for number in range(6)]
    assert acknowledged(hub.sas(), *events)
    assert server.links == 2
    assert [one.body for one in server.received] == [one.payload for one in events]


def test_a_connection_that_is_lost_for_good_is_not_tried_for_every_event(
    hub: Setup, server: AmqpServer
) -> None:
    publisher = hub.sas()
    assert acknowledged(publisher, event())
    server.hangs_up_on = range(2, 100)
    failures = set(publisher.publish([event(number) for number in range(20)]).values())
    assert len(failures) == 1, "all have the same reason"
    assert server.taken <= 3
    server.hangs_up_on = ()
    assert acknowledged(publisher, event())


def test_a_server_that_never_answers_a_message(hub: Setup, server: AmqpServer) -> None:
    publisher = hub.sas(events_timeout_seconds=2)
    assert acknowledged(publisher, event())
    server.is_mute = True
    events = [event(), event(), event(topic=OTHER_HUB)]
    results, seconds = timed(publisher, events)
    assert seconds < LONG
    assert all(failure and not failure.is_final for failure in results.values())
    server.is_mute = False
    assert acknowledged(publisher, event())


def test_a_hub_that_never_answers_leaves_the_others_their_time(
    hub: Setup, server: AmqpServer
) -> None:
    assert HUB < OTHER_HUB, "the silent one must have its turn first"
    publisher = hub.sas(events_timeout_seconds=4)
    lost, fine = event(), event(topic=OTHER_HUB)
    server.mute_hubs = {HUB}
    results = publisher.publish([lost, fine])
    assert results[lost.event_id] is not None
    assert results[fine.event_id] is None


def test_a_server_that_never_answers_a_token(hub: Setup, server: AmqpServer) -> None:
    server.is_mute = True
    publisher = hub.sas(events_timeout_seconds=1)
    results, seconds = timed(publisher, [event(), event()])
    assert seconds < LONG
    assert len(results) == 2
    assert None not in results.values()
    server.is_mute = False
    assert acknowledged(publisher, event())


def test_a_port_that_takes_connections_and_says_nothing(
    certificate: tuple[Path, Path], transport: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        publisher = Setup(port, certificate[0], transport).sas(events_timeout_seconds=1)
        threads = threading.active_count()
        results, seconds = timed(publisher, [event(), event()])
        assert seconds < LONG
        assert all(failure and not failure.is_final for failure in results.values())
        assert threading.active_count() == threads


def timed(publisher: AmqpPublisher, events: list[OutboxEvent]) -> tuple[Any, float]:
    began = time.monotonic()
    results = publisher.publish(events)
    return results, time.monotonic() - began
