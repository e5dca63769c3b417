"""SQL of retention: what is removed from requests that ended long ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, null, or_, select, update

from shared.store.statements import chunks
from shared.store.tables import (
    batch_messages,
    batches,
    document_requests,
    outbox,
    request_contents,
    request_metadata,
    status_history,
)

REMOVED = "Removed when its retention ended."

r = document_requests.c


class RetentionTables:
    """Port `Retention` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def purge(
        self,
        completed_before: datetime,
        exceptions: Mapping[str, datetime],
        limit: int,
        now: datetime,
    ) -> int:
        """Remove content, metadata, texts and events of requests that ended long ago."""
        is_over = _is_over(completed_before, exceptions)
        unpublished = exists().where(
            outbox.c.request_id == r.request_id, outbox.c.published_at.is_(None)
        )
        found = (
            select(r.request_id).where(is_over, ~unpublished).order_by(r.completed_at).limit(limit)
        )
        ids = list(self._connection.scalars(found))
        if not ids:
            return 0
        # Asked again: a request that is reprocessed meanwhile keeps its content.
        mark = (
            update(document_requests)
            .where(r.request_id.in_(ids), is_over)
            .values(purged_at=now, version=r.version + 1)
            .returning(r.request_id, r.failure_message)
        )
        purged = self._connection.execute(mark).all()
        self._remove_from_requests(
            [row.request_id for row in purged],
            [row.request_id for row in purged if row.failure_message],
        )
        return len(purged)

    def _remove_from_requests(self, ids: Sequence[UUID], failed: Sequence[UUID]) -> None:
        execute = self._connection.execute
        if failed:
            execute(
                update(document_requests)
                .where(r.request_id.in_(failed))
                .values(failure_message=REMOVED)
            )
        for table in (request_contents, request_metadata):
            execute(delete(table).where(table.c.request_id.in_(ids)))
        execute(update(outbox).where(outbox.c.request_id.in_(ids)).values(payload=b""))
        carried = select(status_history.c.batch_id).where(
            status_history.c.request_id.in_(ids), status_history.c.batch_id.is_not(None)
        )
        for batch_ids in chunks(sorted(set(self._connection.scalars(carried)))):
            execute(delete(batch_messages).where(batch_messages.c.batch_id.in_(batch_ids)))
            execute(
                update(batches)
                .where(batches.c.batch_id.in_(batch_ids))
                .values(vendor_status_text=null())
            )


def _is_over(completed_before: datetime, exceptions: Mapping[str, datetime]) -> ColumnElement[bool]:
    limits: list[ColumnElement[bool]] = [
        and_(r.source_system == system, r.completed_at < limit)
        for system, limit in exceptions.items()
    ]
    default = r.completed_at < completed_before
    if exceptions:
        default = and_(default, r.source_system.not_in(sorted(exceptions)))
    return and_(
        r.completed_at.is_not(None),
        r.purged_at.is_(None),
        # For the index, which cannot look into the OR; that decides.
        r.completed_at < max([completed_before, *exceptions.values()]),
        or_(default, *limits),
    )
