from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from local.broker import MockBroker
from shared.clients import kafka
from shared.clients.event_identity import NoToken
from shared.clients.kafka import KafkaPublisher
from shared.clients.kafka_config import producer_config
from shared.domain.models import OutboxEvent
from shared.jobs.ports import PublishFailure
from tests.unit.clients.support import TRACEPARENT, make_settings, unused_port

TOPIC = "events"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with MockBroker([TOPIC]) as mock:
        yield mock.bootstrap_servers


def publisher(bootstrap_servers: str, timeout_seconds: float = 10) -> KafkaPublisher:
    return KafkaPublisher(
        make_settings(
            kafka_bootstrap_servers=bootstrap_servers, events_timeout_seconds=timeout_seconds
        )
    )


def event(payload: bytes = b"{}", topic: str = TOPIC) -> OutboxEvent:
    return OutboxEvent(uuid4(), uuid4(), 1, topic, payload, TRACEPARENT)


def consume(bootstrap_servers: str, keys: set[str]) -> list[Message]:
    """Read the topic until all keys were seen."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": str(uuid4()),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TOPIC])
    found: list[Message] = []
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline and len(found) < len(keys):
            message = consumer.poll(0.2)
            if message is not None and (message.key() or b"").decode() in keys:
                found.append(message)
    finally:
        consumer.close()
    return found


@contextmanager
def forwarding(port: int, address: str) -> Iterator[None]:
    """Pass connections to a port on to another address."""
    host, _, target = address.rpartition(":")

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass  # the other direction has ended
        for side in (source, sink):
            side.close()

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((host, int(target)))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


# --- with a broker -----------------------------------------------------------------------


def test_events_arrive(broker: str) -> None:
    events = [event(b'{"n": %d}' % number) for number in range(20)]
    events_out = publisher(broker)
    assert events_out.publish(events) == {one.event_id: None for one in events}
    assert events_out.publish([]) == {}
    events_out.close()

    messages = consume(broker, {str(one.request_id) for one in events})
    by_key = {(message.key() or b"").decode(): message for message in messages}
    for one in events:
        message = by_key[str(one.request_id)]
        assert message.value() == one.payload
        assert dict(message.headers() or []) == {
            "content-type": b"application/cloudevents+json",
            "traceparent": TRACEPARENT.encode(),
        }


def test_a_message_that_is_too_large_fails_alone_and_for_good(broker: str) -> None:
    large, small = event(bytes(1_000_001)), event()
    results = publisher(broker).publish([large, small])
    failure = results[large.event_id]
    assert failure is not None
    assert failure.is_final
    assert "too large" in failure.reason
    assert results[small.event_id] is None


def test_close_twice_and_go_on(broker: str) -> None:
    events = publisher(broker)
    events.close()
    first, second = event(), event()
    assert events.publish([first]) == {first.event_id: None}
    events.close()
    events.close()
    assert events.publish([second]) == {second.event_id: None}


def test_a_broker_that_is_down_and_comes_back(broker: str) -> None:
    port = unused_port()
    events, one = publisher(f"127.0.0.1:{port}", 0.5), event()
    failure = events.publish([one])[one.event_id]
    assert failure is not None
    assert not failure.is_final
    assert "refused" in failure.reason or "down" in failure.reason

    with forwarding(port, broker):
        deadline = time.monotonic() + 20
        while (failure := events.publish([one])[one.event_id]) and time.monotonic() < deadline:
            assert not failure.is_final
        assert failure is None
        events.close()


def test_nothing_happens_before_the_first_event() -> None:
    publisher("127.0.0.1:1").close()


# --- with a producer that fails as told --------------------------------------------------


class FakeProducer:
    """Reports what `outcomes` says, in order; None is an acknowledgement, `...` silence."""

    made = 0
    outcomes: list[Any] = []  # noqa: RUF012
    flush_error: Exception | None = None
    full = 0
    sent: list[str] = []  # noqa: RUF012
    connection_error: KafkaError | None = None
    construction_error: KafkaError | None = None

    def __init__(self, config: dict[str, Any]) -> None:
        type(self).made += 1
        if self.construction_error:
            raise KafkaException(self.construction_error)
        self._error_cb = config["error_cb"]
        self._reports: list[Any] = []

    def produce(self, topic: str, *, key: str, on_delivery: Any, **_: Any) -> None:
        if type(self).full:
            type(self).full -= 1
            raise BufferError
        self.sent.append(key)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not ...:
            self._reports.append((on_delivery, outcome))

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        if self.connection_error:
            self._error_cb(self.connection_error)
        for on_delivery, outcome in self._reports:
            on_delivery(outcome, None)
        self._reports = []
        if self.flush_error:
            raise self.flush_error
        return 0


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeProducer]:
    class Fresh(FakeProducer):
        outcomes: list[Any] = []  # noqa: RUF012
        sent: list[str] = []  # noqa: RUF012

    monkeypatch.setattr(kafka, "Producer", Fresh)
    return Fresh


def outcomes(events: list[OutboxEvent], results: Any) -> list[PublishFailure | None]:
    return [results[one.event_id] for one in events]


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, True),
        (KafkaError.INVALID_RECORD, True),
        (KafkaError.TOPIC_EXCEPTION, True),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
        (KafkaError._UNKNOWN_TOPIC, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
        (KafkaError._MSG_TIMED_OUT, False),
        (KafkaError.NOT_ENOUGH_REPLICAS, False),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_which_failures_are_final(
    fake: type[FakeProducer], code: int, is_final: bool, at_once: bool
) -> None:
    error = KafkaError(code)
    fake.outcomes = [KafkaException(error) if at_once else error]
    events = [event()]
    (failure,) = outcomes(events, publisher("x:1").publish(events))
    assert failure == PublishFailure(error.str(), is_final)


def test_a_set_that_is_refused_is_sent_one_by_one(fake: type[FakeProducer]) -> None:
    refused = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    fake.outcomes = [refused, refused, None, None, refused]
    events = [event(), event(), event()]
    first, second, third = outcomes(events, publisher("x:1").publish(events))
    assert (first, third) == (None, None)
    assert second is not None
    assert second.is_final
    assert len(fake.sent) == 5


def test_what_the_connection_said_is_part_of_the_reason(fake: type[FakeProducer]) -> None:
    timed_out = KafkaError(KafkaError._MSG_TIMED_OUT, "timed out")
    fake.connection_error = KafkaError(KafkaError._AUTHENTICATION, "wrong key")
    fake.outcomes = [timed_out, None, timed_out]
    events = publisher("x:1")

    def reason() -> str | None:
        one = event()
        failure = events.publish([one])[one.event_id]
        return failure.reason if failure else None

    assert reason() == "timed out (wrong key)"
    fake.connection_error = None
    assert reason() is None
    assert reason() == "timed out"  # the old cause is gone


@pytest.mark.parametrize("error", [SystemError("x"), KafkaException(KafkaError(KafkaError._FATAL))])
def test_after_a_fatal_error_the_producer_is_made_anew(
    fake: type[FakeProducer], error: Exception
) -> None:
    fake.flush_error = error
    fake.outcomes = [None, ...]
    events, batch = publisher("x:1"), [event(), event()]
    first, second = outcomes(batch, events.publish(batch))
    assert first is None
    assert second is not None
    assert not second.is_final
    fake.flush_error = None
    assert outcomes(batch, events.publish(batch)) == [None, None]
    assert fake.made == 2


def test_a_fatal_delivery_report_breaks_the_producer(fake: type[FakeProducer]) -> None:
    fake.outcomes = [KafkaError(KafkaError._FATAL, "fenced", fatal=True)]
    events, batch = publisher("x:1"), [event()]
    (failure,) = outcomes(batch, events.publish(batch))
    assert failure == PublishFailure("fenced", is_final=False)
    assert outcomes(batch, events.publish(batch)) == [None]
    assert fake.made == 2


def test_an_unreported_event_is_not_published(fake: type[FakeProducer]) -> None:
    fake.outcomes = [...]
    events, batch = publisher("x:1"), [event(), event()]
    first, second = outcomes(batch, events.publish(batch))
    assert first == PublishFailure("not acknowledged in time", is_final=False)
    assert second is None
    assert outcomes(batch, events.publish(batch)) == [None, None]
    assert fake.made == 2  # the first one might still send behind our back


def test_a_healthy_producer_is_kept(fake: type[FakeProducer]) -> None:
    events = publisher("x:1")
    for _ in range(3):
        events.publish([event()])
    assert fake.made == 1


def test_a_full_queue_is_waited_for(fake: type[FakeProducer]) -> None:
    fake.full = 3
    batch = [event()]
    assert outcomes(batch, publisher("x:1").publish(batch)) == [None]


def test_no_producer_can_be_made(fake: type[FakeProducer]) -> None:
    fake.construction_error = KafkaError(KafkaError._INVALID_ARG, "no token")
    events, batch = publisher("x:1"), [event(), event()]
    for failure in outcomes(batch, events.publish(batch)):
        assert failure == PublishFailure("not acknowledged in time (no token)", is_final=False)
    fake.construction_error = None
    assert outcomes(batch, events.publish(batch)) == [None, None]


# --- configuration -----------------------------------------------------------------------


def test_the_configuration_suits_event_hubs() -> None:
    config = producer_config(make_settings(events_timeout_seconds=90))
    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["socket.keepalive.enable"] is True
    assert config["metadata.max.age.ms"] == config["connections.max.idle.ms"] == 180_000
    assert config["delivery.timeout.ms"] == 90_000
    assert config["request.timeout.ms"] == 60_000
    assert config["security.protocol"] == "PLAINTEXT"


def test_a_request_ends_with_its_delivery() -> None:
    config = producer_config(make_settings(events_timeout_seconds=0.5))
    assert config["delivery.timeout.ms"] == config["request.timeout.ms"] == 500


def test_sas() -> None:
    config = producer_config(
        make_settings(kafka_security="sas", eventhub_connection_string="Endpoint=sb://x/;Key=y")
    )
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.mechanisms"] == "PLAIN"
    assert config["sasl.username"] == "$ConnectionString"
    assert config["sasl.password"] == "Endpoint=sb://x/;Key=y"


class FakeCredential:
    scopes: list[str] = []  # noqa: RUF012
    error: Exception | None = None

    def __init__(self, **limits: float) -> None:
        pass

    def get_token(self, scope: str) -> Any:
        from azure.core.credentials import AccessToken

        if self.error:
            raise self.error
        self.scopes.append(scope)
        return AccessToken("the token", int(datetime(2100, 3, 1, tzinfo=UTC).timestamp()))


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> type[FakeCredential]:
    import azure.identity

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", FakeCredential)
    monkeypatch.setattr(FakeCredential, "scopes", [])
    return FakeCredential


def test_entra(credential: type[FakeCredential]) -> None:
    settings = make_settings(
        kafka_security="entra", kafka_bootstrap_servers="ns.servicebus.windows.net:9093"
    )
    config = producer_config(settings)
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.mechanisms"] == "OAUTHBEARER"
    token, expires_in_seconds = config["oauth_cb"]("")
    assert token == "the token"
    assert expires_in_seconds == datetime(2100, 3, 1, tzinfo=UTC).timestamp()
    assert isinstance(expires_in_seconds, float)
    assert credential.scopes == ["https://ns.servicebus.windows.net/.default"]


def test_entra_without_a_token_says_so(
    credential: type[FakeCredential],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    monkeypatch.setattr(credential, "error", ClientAuthenticationError("private"))
    config = producer_config(make_settings(kafka_security="entra"))
    with pytest.raises(NoToken, match="Entra ID: ClientAuthenticationError"):
        config["oauth_cb"]("")
    assert caplog.messages == ["no token for Event Hubs"]
    assert "private" not in caplog.text
