"""SQL of document_requests at rest: intake, reading, and what people do.

What a claim owns is in `claimed_requests`, what a batch owns in `batched_requests`; contents,
metadata and outputs are in `request_details`; reading for people is in `request_search`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from sqlalchemy import Connection, case, exists, literal_column, null, select, update
from sqlalchemy.exc import IntegrityError

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import RequestStatus
from shared.domain.timing import HEAD_START, first_due
from shared.errors import DuplicateCorrelationId
from shared.jobs.console_models import Count
from shared.jobs.request_storage import MOST_BROUGHT_FORWARD, CorrelationKey, RequestFilter
from shared.store import request_details, request_search
from shared.store.database_errors import is_unique_violation
from shared.store.request_rows import terminal_values, to_request, to_row, with_event_details
from shared.store.statements import chunks, insert_rows, setting
from shared.store.tables import document_requests, outbox

r = document_requests.c


class RequestsTable:
    """Port `Requests` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- intake and reading ---------------------------------------------------------------

    def find_by_correlation(
        self, keys: Collection[CorrelationKey]
    ) -> Mapping[CorrelationKey, DocumentRequest]:
        """Return the stored requests of these pairs, whole.

        Most are not stored: that is told by the index alone, and only the others are read.
        """
        ids: list[UUID] = []
        # System by system: many pairs joined by OR may cost SQL Server the use of the index.
        for system, pairs in groupby(sorted(keys), key=itemgetter(0)):
            for some in chunks([correlation for _, correlation in pairs]):
                ids += self._connection.scalars(
                    select(r.request_id).where(
                        r.source_system == system, r.request_correlation_id.in_(some)
                    )
                )
        return {
            (request.source_system, request.request_correlation_id): request
            for some in chunks(ids)
            for request in request_search.load(self._connection, r.request_id.in_(some))
        }

    def insert(self, requests: Sequence[DocumentRequest], contents: Sequence[str]) -> None:
        """Store new requests, due by priority. Raises DuplicateCorrelationId."""
        try:
            insert_rows(self._connection, document_requests, [to_row(q) for q in requests])
        except IntegrityError as error:
            if is_unique_violation(error):
                raise DuplicateCorrelationId from None
            raise
        request_details.insert_contents(
            self._connection, [q.request_id for q in requests], contents
        )
        request_details.insert_metadata(self._connection, requests)

    def get(self, request_id: UUID) -> DocumentRequest | None:
        """Return one request, whole."""
        return next(iter(request_search.load(self._connection, r.request_id == request_id)), None)

    def page(
        self, where: RequestFilter, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[DocumentRequest]:
        """Return requests, newest first, that come after a position."""
        return request_search.page(self._connection, where, limit, before)

    def count_by_status(self, where: RequestFilter) -> Mapping[RequestStatus, int]:
        """Count requests by status."""
        return request_search.count_by_status(self._connection, where)

    def count(self, where: RequestFilter, limit: int) -> Count:
        """Count requests, up to a limit."""
        return request_search.count(self._connection, where, limit)

    def oldest_waiting(
        self, status: RequestStatus, source_systems: Collection[str] | None
    ) -> tuple[UUID, datetime] | None:
        """Return the request of an open status that waits longest, and since when."""
        return request_search.oldest_waiting(self._connection, status, source_systems)

    def contents(self, request_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the content JSON of requests, as it was sent."""
        return request_details.contents(self._connection, request_ids)

    def cancel(
        self, request: DocumentRequest, topic: str, failure: Failure, now: datetime
    ) -> DocumentRequest | None:
        """End a RECEIVED request of this generation as FAILED; None if it is not."""
        statement = (
            update(document_requests)
            .where(
                r.request_id == request.request_id,
                r.generation == request.generation,
                r.status == RequestStatus.RECEIVED.value,
            )
            .values(
                event_topic=topic,
                due_at=null(),
                version=r.version + 1,
                updated_at=now,
                **setting(terminal_values(RequestStatus.FAILED, failure, now)),
            )
            .returning(*r)
        )
        rows = [to_request(row) for row in self._connection.execute(statement)]
        return next(iter(with_event_details(self._connection, rows)), None)

    def reprocess(self, request: DocumentRequest, now: datetime) -> DocumentRequest | None:
        """FAILED → RECEIVED, as the next generation; None if something stands against it."""
        unpublished = exists().where(
            outbox.c.request_id == r.request_id, outbox.c.published_at.is_(None)
        )
        statement = (
            update(document_requests)
            .where(
                r.request_id == request.request_id,
                r.version == request.version,
                r.status == RequestStatus.FAILED.value,
                r.purged_at.is_(None),
                r.generated_late_at.is_(None),
                ~unpublished,
            )
            .values(
                status=RequestStatus.RECEIVED.value,
                generation=r.generation + 1,
                version=r.version + 1,
                updated_at=now,
                due_at=first_due(now, request.priority),
                waiting_since=now,
                batch_id=null(),
                event_topic=null(),
                submitted_at=null(),
                completed_at=null(),
                failures=0,
                failure_category=null(),
                failure_code=null(),
                failure_message=null(),
            )
            .returning(*r)
        )
        rows = [to_request(row) for row in self._connection.execute(statement)]
        return next(iter(request_details.with_metadata(self._connection, rows)), None)

    def bring_forward(self, now: datetime) -> int:
        """Make RECEIVED requests that wait due now, MOST_BROUGHT_FORWARD at most; counts them."""
        is_received = r.status == literal_column("'RECEIVED'")
        # What a run gives back meanwhile was written later: the caller's loop comes to its end.
        later = select(r.request_id).where(is_received, r.due_at > now, r.updated_at <= now)
        waiting = later.limit(MOST_BROUGHT_FORWARD)
        due_at = case(
            *((r.priority == one.value, now - head_start) for one, head_start in HEAD_START.items())
        )
        return self._connection.execute(
            update(document_requests)
            .where(r.request_id.in_(waiting), is_received)
            .values(due_at=due_at)
        ).rowcount
