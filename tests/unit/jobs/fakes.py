"""Ports written by hand: a clock that stands still, other sides that answer what they are told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from shared.domain.enrichment import ConfigurationRow
from shared.domain.models import NewRequest, OutboxEvent
from shared.domain.submission import Guarantees
from shared.domain.thunderhead import Cancellation, Documents, Lookup, Poll, Submission
from shared.domain.timing import Clock
from shared.errors import ReferenceDataUnavailable
from shared.jobs.earlier_documents import EarlierDocuments
from shared.jobs.intake import Arrival
from shared.jobs.ports import Publisher, PublishFailure, ReferenceData, Thunderhead
from shared.jobs.storage import Store
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, TRACEPARENT

T = TypeVar("T")


class StandingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def arrivals(requests: Iterable[NewRequest], actor: str = "test") -> list[Arrival]:
    """Return requests as intake takes them."""
    return [Arrival(request, actor, TRACEPARENT) for request in requests]


def earlier_documents(store: Store, thunderhead: Thunderhead, clock: Clock) -> EarlierDocuments:
    """What asks Thunderhead before a document is made again."""
    guarantees = Guarantees(True, True, timedelta(seconds=300), 5)
    return EarlierDocuments(store, thunderhead, clock, guarantees, timedelta(seconds=600))


class CountingIds:
    """Gives 1, 2, 3 …"""

    def __init__(self) -> None:
        self.last = 1000

    def __call__(self) -> UUID:
        self.last += 1
        return UUID(int=self.last)


class FakeReferenceData(ReferenceData):
    """Knows a few codes and rows; can be out."""

    def __init__(self) -> None:
        self.is_out = False
        self.calls = 0
        self.rows: list[ConfigurationRow] = []
        self.by_type = {
            "SOURCE_SYSTEM": {"ARCADE", "NOVA"},
            "DOCUMENT_TYPE": {"INVOICE"},
            "DOCUMENT_NAME": {"IVZRECPA"},
            "LANGUAGE": {"EN"},
            "METADATA_KEY": {"INVOICE_ID", "FOOTER_ID"},
        }

    def codes(self, code_type: str, day: date) -> Collection[str]:
        self._call()
        return self.by_type[code_type]

    def configurations(
        self, document_name: str, footer: str, day: date
    ) -> Sequence[ConfigurationRow]:
        self._call()
        return self.rows

    def _call(self) -> None:
        self.calls += 1
        if self.is_out:
            raise ReferenceDataUnavailable("out")


class FakePublisher(Publisher):
    """Acknowledges everything but what it is told not to; `meanwhile` runs before it answers."""

    def __init__(self) -> None:
        self.published: list[OutboxEvent] = []
        self.failures: dict[UUID, PublishFailure] = {}
        self.calls = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        self.calls += 1
        self.meanwhile()
        results = {event.event_id: self.failures.get(event.event_id) for event in events}
        self.published += [event for event in events if results[event.event_id] is None]
        return results


class ScriptedThunderhead(Thunderhead):
    """Answers each call with the next answer of its kind; the last one stays."""

    def __init__(self, **answers: Iterable[Any]) -> None:
        self.answers = {kind: list(some) for kind, some in answers.items()}
        self.calls: list[str] = []

    def submit(self, payload: bytes, traceparent: str) -> Submission:
        return self._next("submit")

    def find(self, client_reference: str, traceparent: str) -> Lookup:
        return self._next("find")

    def poll(self, thunderhead_batch_id: str, traceparent: str) -> Poll:
        return self._next("poll")

    def documents(self, thunderhead_batch_id: str, traceparent: str) -> Documents:
        return self._next("documents")

    def cancel(self, thunderhead_batch_id: str, traceparent: str) -> Cancellation:
        answer: Cancellation = self._next("cancel")
        return answer

    def _next(self, kind: str) -> Any:
        self.calls.append(kind)
        some = self.answers[kind]
        return some.pop(0) if len(some) > 1 else some[0]


class InterruptedStore(Store):
    """A store in which somebody else writes just before our next writes."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.before_writes: list[Callable[[], object]] = []
        self.writes = 0
        self.reads = 0

    def write(self, work: Callable[[Any], T]) -> T:
        self.writes += 1
        if self.before_writes:
            self.before_writes.pop(0)()
        return self._store.write(work)

    def read(self, work: Callable[[Any], T]) -> T:
        self.reads += 1
        return self._store.read(work)
