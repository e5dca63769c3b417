"""One order for many requests: each on its own terms, with its own result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shared.domain.models import DocumentRequest
from shared.domain.statuses import RequestStatus
from shared.domain.timing import Clock, after
from shared.errors import ActionRefused, ReferenceDataUnavailable, RequestNotFound
from shared.jobs.audit import code_of
from shared.jobs.console_models import Position
from shared.jobs.operations import Operations
from shared.jobs.queries import Caller, Queries
from shared.jobs.request_storage import RequestFilter

MOST_PER_CALL = 1000
"""Requests of one call; each may take a few calls of Thunderhead, so that 100 are plenty."""

PATIENCE_SECONDS = 60.0
"""No further request is begun after this. One takes three calls of Thunderhead, each with its
time limit, and the platform ends an HTTP call after 230 s."""

Act = Callable[[UUID, int | None], DocumentRequest]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one request."""

    request_id: UUID
    request: DocumentRequest | None
    """As it is now; None if it was refused, and nothing changed."""
    code: str | None = None
    """Why it was refused."""
    message: str | None = None

    @property
    def is_done(self) -> bool:
        """The order was carried out."""
        return self.request is not None


@dataclass(frozen=True, slots=True)
class BulkStep:
    """One step of an order for all that match."""

    results: Sequence[BulkResult]
    next_position: Position | None
    """Where the next step begins; None once there is no more."""


class BulkOperations:
    """Carries out an order for many requests, one after the other.

    Every request has its own transaction and its own line in the audit. DatabaseUnavailable
    ends a call: what was done stays done, and the same call may be made again. A call that takes
    long (PATIENCE_SECONDS) ends early: its results, one at least, are those of the first ones.
    """

    def __init__(self, operations: Operations, queries: Queries, clock: Clock) -> None:
        self._operations = operations
        self._queries = queries
        self._clock = clock

    def reprocess(
        self, selected: Mapping[UUID, int | None], caller: Caller, reason: str
    ) -> Sequence[BulkResult]:
        """Reprocess requests: ids with the versions that the person saw (None: the present).

        Raises ValueError for more than MOST_PER_CALL.
        """
        return self._each([*_within_limit(selected).items()], self._reprocess(caller, reason))

    def cancel(
        self, selected: Mapping[UUID, int | None], caller: Caller, reason: str
    ) -> Sequence[BulkResult]:
        """Cancel requests: ids with the versions that the person saw (None: the present).

        Raises ValueError for more than MOST_PER_CALL.
        """
        return self._each([*_within_limit(selected).items()], self._cancel(caller, reason))

    def reprocess_matching(
        self,
        where: RequestFilter,
        limit: int,
        before: Position | None,
        caller: Caller,
        reason: str,
    ) -> BulkStep:
        """Reprocess the next `limit` requests (≤ MOST_PER_CALL) that are FAILED and match.

        The caller goes on from `next_position`, step by step, and shows how far it is. What
        matches only later, and comes before the position, is left out.
        """
        act = self._reprocess(caller, reason)
        return self._step(where, RequestStatus.FAILED, limit, before, caller, act)

    def cancel_matching(
        self,
        where: RequestFilter,
        limit: int,
        before: Position | None,
        caller: Caller,
        reason: str,
    ) -> BulkStep:
        """Cancel the next `limit` requests (≤ MOST_PER_CALL) that are RECEIVED and match."""
        act = self._cancel(caller, reason)
        return self._step(where, RequestStatus.RECEIVED, limit, before, caller, act)

    def _reprocess(self, caller: Caller, reason: str) -> Act:
        return lambda request_id, version: self._operations.reprocess(
            request_id, caller, reason, version=version
        )

    def _cancel(self, caller: Caller, reason: str) -> Act:
        return lambda request_id, version: self._operations.cancel(
            request_id, caller, reason, version=version
        )

    def _step(
        self,
        where: RequestFilter,
        status: RequestStatus,
        limit: int,
        before: Position | None,
        caller: Caller,
        act: Act,
    ) -> BulkStep:
        if not 0 < limit <= MOST_PER_CALL:
            raise ValueError(f"a step has 1 to {MOST_PER_CALL} requests")
        if where.statuses and status not in where.statuses:
            return BulkStep((), None)
        page = self._queries.page(replace(where, statuses=(status,)), limit, before, caller)
        seen = [(request.request_id, request.version) for request in page.requests]
        results = self._each(seen, act)
        if len(results) == len(seen):
            return BulkStep(results, page.next_position)
        last = page.requests[len(results) - 1]
        return BulkStep(results, (last.received_at, last.request_id))

    def _each(self, some: Sequence[tuple[UUID, int | None]], act: Act) -> list[BulkResult]:
        until = after(self._clock(), PATIENCE_SECONDS)
        results: list[BulkResult] = []
        for request_id, version in some:
            if results and self._clock() > until:
                break
            results.append(_one(request_id, version, act))
        return results


def _within_limit(selected: Mapping[UUID, int | None]) -> Mapping[UUID, int | None]:
    if len(selected) > MOST_PER_CALL:
        raise ValueError(f"one call has at most {MOST_PER_CALL} requests")
    return selected


def _one(request_id: UUID, version: int | None, act: Act) -> BulkResult:
    try:
        return BulkResult(request_id, act(request_id, version))
    except RequestNotFound as missing:
        return BulkResult(request_id, None, code_of(missing), "There is no such request.")
    except (ActionRefused, ReferenceDataUnavailable) as refusal:
        return BulkResult(request_id, None, code_of(refusal), str(refusal))
