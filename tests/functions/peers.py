"""What the functions talk to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from local.broker import MockBroker
from local.serving import ServerThread
from tests.integration.reading import read_events

TOPIC = "oms-document-status"


@dataclass(frozen=True, slots=True)
class Peers:
    """Everything that the functions talk to, and the settings that lead them there."""

    thunderhead: ServerThread
    broker: MockBroker
    settings: Mapping[str, str]

    def accepted(self) -> list[str]:
        """Return the documents in Thunderhead's accepted batches, one entry for each time."""
        ledger = requests.get(f"{self.thunderhead.url}/_simulator/ledger", timeout=10).json()
        assert {entry["outcome"] for entry in ledger["submissions"]} <= {"ACCEPTED"}
        return [name for batch in ledger["batches"] for name in batch["documentReferences"]]

    def events(self, count: int) -> list[dict[str, Any]]:
        """Read so many events and make sure that there are no more."""
        return read_events(self.broker.bootstrap_servers, [TOPIC], count)
