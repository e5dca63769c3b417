import json

import pytest
from confluent_kafka import Producer

from local.broker import MockBroker
from tests.local.processes import started

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

pytestmark = pytest.mark.integration


def publish(bootstrap_servers: str, topic: str, key: str, value: str) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "log_level": 3}
    )
    producer.produce(topic, value, key, headers={"traceparent": TRACEPARENT})
    assert producer.flush(10) == 0
    producer.close()


def test_another_process_consumes_from_the_beginning_and_goes_on() -> None:
    event = {"specversion": "1.0", "id": "1", "data": {"note": "Grüße"}}
    with MockBroker() as broker:
        publish(broker.bootstrap_servers, "status", "key-1", json.dumps(event))
        arguments = ["--bootstrap-servers", broker.bootstrap_servers]
        with started(
            "local.consumer", *arguments, "--topic", "status", "--topic", "other"
        ) as consumer:
            first = json.loads(consumer.line())
            publish(broker.bootstrap_servers, "other", "key-2", "not JSON")
            second = json.loads(consumer.line())
            assert consumer.terminate() == 0

    assert (first["topic"], first["key"], first["offset"]) == ("status", "key-1", 0)
    assert first["headers"] == {"traceparent": TRACEPARENT}
    assert first["value"] == event
    assert (second["topic"], second["value"], second["unreadable"]) == ("other", None, "not JSON")


def test_the_consumer_may_end_by_itself() -> None:
    with MockBroker(topics=["status"]) as broker:
        publish(broker.bootstrap_servers, "status", "key-1", "{}")
        arguments = ["--bootstrap-servers", broker.bootstrap_servers, "--topic", "status"]
        with started("local.consumer", *arguments, "--max-events", "1") as consumer:
            assert json.loads(consumer.line())["key"] == "key-1"
            assert consumer.wait() == 0


def test_the_broker_runs_as_a_process() -> None:
    with started("local.broker", "--topic", "status") as broker:
        publish(broker.line(), "status", "key-1", "{}")
        assert broker.terminate() == 0


def test_stopping_a_broker_twice_is_harmless() -> None:
    broker = MockBroker().start()
    broker.stop()
    broker.stop()
