"""A store and reference data in memory, as far as the API needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from shared.domain.enrichment import ConfigurationRow
from shared.domain.models import DocumentRequest, Failure, HistoryEntry, JobRun, OutboxEvent, Pause
from shared.domain.statuses import RequestStatus
from shared.errors import DatabaseUnavailable, DuplicateCorrelationId, ReferenceDataUnavailable
from shared.jobs.request_storage import CorrelationKey, RequestFilter

T = TypeVar("T")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clock:
    """A clock that moves a second at each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class MemoryRequests:
    def __init__(self) -> None:
        self.rows: dict[UUID, DocumentRequest] = {}
        self.contents: dict[UUID, str] = {}

    def find_by_correlation(
        self, keys: Collection[CorrelationKey]
    ) -> Mapping[CorrelationKey, DocumentRequest]:
        return {key: row for row in self.rows.values() if (key := _key(row)) in keys}

    def insert(self, requests: Sequence[DocumentRequest], contents: Sequence[str]) -> None:
        if self.find_by_correlation({_key(request) for request in requests}):
            raise DuplicateCorrelationId
        self.rows |= {request.request_id: request for request in requests}
        self.contents |= zip((q.request_id for q in requests), contents, strict=True)

    def get(self, request_id: UUID) -> DocumentRequest | None:
        return self.rows.get(request_id)

    def page(
        self, where: RequestFilter, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[DocumentRequest]:
        found = sorted(self._matching(where), key=_position, reverse=True)
        return [row for row in found if before is None or _position(row) < before][:limit]

    def count_by_status(self, where: RequestFilter) -> Mapping[RequestStatus, int]:
        statuses = [row.status for row in self._matching(where)]
        return {status: statuses.count(status) for status in set(statuses)}

    def cancel(
        self, request: DocumentRequest, topic: str, failure: Failure, now: datetime
    ) -> DocumentRequest | None:
        request_id = request.request_id
        row = self.rows[request_id]
        if row.status is not RequestStatus.RECEIVED:
            return None
        self.rows[request_id] = replace(
            row,
            status=RequestStatus.FAILED,
            failure=failure,
            event_topic=topic,
            updated_at=now,
            completed_at=now,
        )
        return self.rows[request_id]

    def _matching(self, where: RequestFilter) -> list[DocumentRequest]:
        def matches(row: DocumentRequest) -> bool:
            equal = ("source_system", "document_type", "document_name")
            return (
                (where.source_systems is None or row.source_system in where.source_systems)
                and all(getattr(where, f) in (None, getattr(row, f)) for f in equal)
                and (not where.statuses or row.status in where.statuses)
                and where.request_correlation_id in (None, row.request_correlation_id)
                and (where.received_from is None or row.received_at >= where.received_from)
                and (where.received_to is None or row.received_at < where.received_to)
                and (where.updated_from is None or row.updated_at >= where.updated_from)
                and (where.metadata or {}).items() <= row.metadata.items()
            )

        return [row for row in self.rows.values() if matches(row)]


class MemoryHistory:
    def __init__(self) -> None:
        self.entries: list[HistoryEntry] = []

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        self.entries += entries

    def of(self, request_id: UUID) -> Sequence[HistoryEntry]:
        return [entry for entry in self.entries if entry.request_id == request_id]


class MemoryOutbox:
    def __init__(self) -> None:
        self.events: list[OutboxEvent] = []

    def add(self, events: Sequence[OutboxEvent], now: datetime) -> None:
        self.events += events


class MemoryPauses:
    def __init__(self) -> None:
        self.pauses: dict[str, Pause] = {}

    def all(self) -> Mapping[str, Pause]:
        return self.pauses


class MemoryJobRuns:
    def __init__(self) -> None:
        self.runs: list[JobRun] = []

    def last(self) -> Sequence[JobRun]:
        return self.runs


class MemoryTables:
    def __init__(self) -> None:
        self.requests = MemoryRequests()
        self.history = MemoryHistory()
        self.outbox = MemoryOutbox()
        self.pauses = MemoryPauses()
        self.job_runs = MemoryJobRuns()

    def after_commit(self, action: Callable[[], object]) -> None:
        action()


class MemoryStore:
    """Keeps its tables in memory; a transaction that fails leaves them as they were."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.is_out = False
        self.thread_names: set[str] = set()
        self._lock = threading.RLock()

    def write(self, work: Callable[[Any], T]) -> T:
        with self._lock:
            before = deepcopy(self.tables)
            try:
                return self.read(work)
            except Exception:
                self.tables = before
                raise

    def read(self, work: Callable[[Any], T]) -> T:
        self.thread_names.add(threading.current_thread().name)
        if self.is_out:
            raise DatabaseUnavailable("password=hunter2")
        with self._lock:
            return work(self.tables)

    @property
    def is_empty(self) -> bool:
        return not self.tables.requests.rows and not self.tables.history.entries


class FakeReferenceData:
    """Knows a few codes; can be out."""

    def __init__(self) -> None:
        self.is_out = False
        self.by_type: dict[str, set[str]] = {
            "SOURCE_SYSTEM": {"ARCADE", "NOVA"},
            "DOCUMENT_TYPE": {"INVOICE"},
            "DOCUMENT_NAME": {"IVZRECPA"},
            "LANGUAGE": {"EN"},
            "METADATA_KEY": {"INVOICE_ID", "FOOTER_ID", "POLICY_ID"},
        }

    def codes(self, code_type: str, day: date) -> Collection[str]:
        if self.is_out:
            raise ReferenceDataUnavailable
        return self.by_type[code_type]

    def configurations(
        self, document_name: str, footer: str, day: date
    ) -> Sequence[ConfigurationRow]:
        if self.is_out:
            raise ReferenceDataUnavailable
        return []


def _key(request: DocumentRequest) -> CorrelationKey:
    return request.source_system, request.request_correlation_id


def _position(request: DocumentRequest) -> tuple[datetime, UUID]:
    return request.received_at, request.request_id
