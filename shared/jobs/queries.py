"""Reading: what a caller may see of requests, and how the parts are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shared.domain.models import DocumentRequest, HistoryEntry, JobRun, Pause
from shared.domain.statuses import RequestStatus
from shared.errors import RequestNotFound
from shared.jobs.console_models import Count, Position, SetAsideEvent
from shared.jobs.request_storage import RequestFilter
from shared.jobs.storage import Store

MOST_EXPORTED = 10_000
EXPORTED_PER_READ = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for which source systems (None: for every one)."""

    name: str
    source_systems: frozenset[str] | None = None

    @property
    def sees_all(self) -> bool:
        """Whether the caller is entitled to every source system."""
        return self.source_systems is None

    def may_use(self, source_system: str) -> bool:
        """Tell whether the caller is entitled to a source system."""
        return self.source_systems is None or source_system in self.source_systems


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, newest first, and where the next page begins."""

    requests: Sequence[DocumentRequest]
    next_position: Position | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The last runs of the jobs and the pauses in force: the other parts as they saw them."""

    runs: Sequence[JobRun]
    pauses: Sequence[Pause]


class Queries:
    """Answers questions; changes nothing. Every method raises DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, request_id: UUID, caller: Caller) -> DocumentRequest:
        """Return a request. Raises RequestNotFound, also for one the caller may not see."""
        request = self._store.read(lambda tx: tx.requests.get(request_id))
        if request is None or not caller.may_use(request.source_system):
            raise RequestNotFound(str(request_id))
        return request

    def history(self, request_id: UUID, caller: Caller) -> Sequence[HistoryEntry]:
        """Return a request's transitions, oldest first. Raises RequestNotFound."""
        self.get(request_id, caller)
        return self._store.read(lambda tx: tx.history.of(request_id))

    def page(
        self,
        where: RequestFilter,
        limit: int,
        before: Position | None,
        caller: Caller,
    ) -> Page:
        """Return a page of requests, newest first; `before` is the previous page's end."""
        mine = replace(where, source_systems=caller.source_systems)
        # One more than asked tells whether there is a next page.
        found = self._store.read(lambda tx: tx.requests.page(mine, limit + 1, before))
        if len(found) <= limit:
            return Page(found, None)
        last = found[limit - 1]
        return Page(found[:limit], (last.received_at, last.request_id))

    def count(self, where: RequestFilter, limit: int, caller: Caller) -> Count:
        """Count the caller's requests that match, up to a limit."""
        mine = replace(where, source_systems=caller.source_systems)
        return self._store.read(lambda tx: tx.requests.count(mine, limit))

    def export(self, where: RequestFilter, caller: Caller) -> Iterator[DocumentRequest]:
        """Yield the caller's requests that match, newest first, at most MOST_EXPORTED.

        Read page by page, so that nothing is open in between and few are in memory.
        """
        position: Position | None = None
        for _ in range(MOST_EXPORTED // EXPORTED_PER_READ):
            page = self.page(where, EXPORTED_PER_READ, position, caller)
            yield from page.requests
            position = page.next_position
            if position is None:
                return

    def events_set_aside(self, limit: int, caller: Caller) -> Sequence[SetAsideEvent]:
        """Return the caller's events that the broker refused, oldest first."""
        systems = caller.source_systems
        return self._store.read(lambda tx: tx.outbox.refused(systems, limit))

    def summary(self, where: RequestFilter, caller: Caller) -> Mapping[RequestStatus, int]:
        """Count the caller's requests by status; statuses without any count 0."""
        mine = replace(where, source_systems=caller.source_systems)
        counts = self._store.read(lambda tx: tx.requests.count_by_status(mine))
        return {status: counts.get(status, 0) for status in RequestStatus}

    def readiness(self) -> Readiness:
        """Return how the jobs and what they depend on were last seen."""
        runs, pauses = self._store.read(
            lambda tx: (tx.job_runs.last(), list(tx.pauses.all().values()))
        )
        return Readiness(runs, pauses)
