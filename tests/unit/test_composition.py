from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = {"confluent_kafka", "azure.eventhub", "websocket", "azure.identity"}
COMPOSE = f"""
import sys
from shared.composition import compose
from tests.unit.clients.support import make_settings
system = compose(make_settings(events_transport=sys.argv[1], kafka_security="entra"))
print(type(system.clients.publisher).__name__, *sorted({LIBRARIES} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("transport", "made"),
    [
        ("kafka", "KafkaPublisher confluent_kafka"),
        ("amqp", "AmqpPublisher azure.eventhub"),
        ("amqp-websocket", "AmqpPublisher azure.eventhub"),
    ],
)
def test_only_the_library_of_the_chosen_transport_is_loaded(transport: str, made: str) -> None:
    command = [sys.executable, "-c", COMPOSE, transport]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == made
