"""The peers of the commands, and what the commands have to know of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from local import reference_data
from local.broker import MockBroker
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions, create_app
from tests.integration.commands.processes import Environment
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC


@dataclass
class Stack:
    thunderhead: ServerThread
    broker: MockBroker
    database_url: str
    reference_data: ServerThread

    def environment(self, **changes: str) -> Environment:
        return {
            "OMS_ENVIRONMENT": "local",
            "OMS_DATABASE_URL": self.database_url,
            "OMS_REFERENCE_DATA_BASE_URL": self.reference_data.url,
            "OMS_THUNDERHEAD_BASE_URL": f"{self.thunderhead.url}/thunderhead/v1",
            "OMS_THUNDERHEAD_AUTH": "none",
            "OMS_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "OMS_KAFKA_SECURITY": "plaintext",
            "OMS_API_AUTH": "none",
            "OMS_POLL_MIN_SECONDS": "0.2",
            "OMS_POLL_MAX_SECONDS": "0.5",
            "OMS_RETRY_BASE_SECONDS": "0.1",
            "OMS_RETRY_MAX_SECONDS": "0.5",
            **changes,
        }

    def ledger(self) -> dict[str, Any]:
        url = f"{self.thunderhead.url}/_simulator/ledger"
        body: dict[str, Any] = requests.get(url, timeout=10).json()
        return body

    def accepted(self) -> Counter[str]:
        """Count in how many accepted batches each document is."""
        return Counter(
            reference
            for batch in self.ledger()["batches"]
            for reference in batch["documentReferences"]
        )

    def arm(self, *faults: dict[str, Any]) -> None:
        requests.post(f"{self.thunderhead.url}/_simulator/faults", json=faults, timeout=10)

    def disarm(self) -> None:
        requests.delete(f"{self.thunderhead.url}/_simulator/faults", timeout=10)

    def submissions(self) -> int:
        url = f"{self.thunderhead.url}/_simulator/requests"
        count: int = requests.get(url, timeout=10).json()["submit"]
        return count


@contextmanager
def stack_of(database_url: str, **options: Any) -> Iterator[Stack]:
    """Start the peers; options are those of the Thunderhead simulator."""
    app = create_app(ThunderheadOptions(**{"generation_seconds": (0.2, 0.2), **options}))
    with (
        ServerThread(app) as thunderhead,
        ServerThread(reference_data.create_app()) as codes,
        MockBroker([TOPIC, POLICY_TOPIC]) as broker,
    ):
        yield Stack(thunderhead, broker, database_url, codes)


StackStarter = Callable[..., Stack]
