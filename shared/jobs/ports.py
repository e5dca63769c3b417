"""What the jobs need from other systems: reference data, Thunderhead, a publisher.

`shared/clients` implements these, the composition root joins them. What they need from the
database is in `shared.jobs.storage`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from shared.domain.enrichment import ConfigurationRow
from shared.domain.models import (
    OutboxEvent,
)
from shared.domain.thunderhead import (
    Cancellation,
    Documents,
    Lookup,
    Poll,
    Submission,
)

# --- reference data ----------------------------------------------------------------------


class ReferenceData(Protocol):
    """The Reference Data API, cached."""

    def codes(self, code_type: str, day: date) -> Collection[str]:
        """Return the codes of a type that are in effect on a day (none for an unknown type).

        Raises ReferenceDataUnavailable.
        """

    def configurations(
        self, document_name: str, footer: str, day: date
    ) -> Sequence[ConfigurationRow]:
        """Return every configuration row that could apply.

        Raises ReferenceDataUnavailable.
        """


# --- Thunderhead -------------------------------------------------------------------------


class Thunderhead(Protocol):
    """The Thunderhead API.

    Every call ends within the total time-out; none raises for what the other side answered or
    failed to answer.
    """

    def submit(self, payload: bytes, traceparent: str) -> Submission:
        """Send a batch once (`POST /batches`)."""

    def find(self, client_reference: str, traceparent: str) -> Lookup:
        """Look a batch up by our reference."""

    def poll(self, thunderhead_batch_id: str, traceparent: str) -> Poll:
        """Read a batch."""

    def documents(self, thunderhead_batch_id: str, traceparent: str) -> Documents:
        """Read the state of every document of a batch, all pages."""

    def cancel(self, thunderhead_batch_id: str, traceparent: str) -> Cancellation:
        """Ask to cancel a batch."""


# --- events ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """Why the broker did not acknowledge an event."""

    reason: str
    is_final: bool
    """The broker refuses this very message (too large, malformed): waiting will not help."""


class Publisher(Protocol):
    """Publishes events and waits for the broker's acknowledgement."""

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        """Publish all and flush; per event id None once acknowledged, else why not."""

    def close(self) -> None:
        """Flush and let go."""
