"""SQL that reads batches for people: a page of them, some whole, the vendor's messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, literal_column, or_, select

from shared.domain.models import BatchCounts, JobMessage
from shared.domain.statuses import BatchState
from shared.jobs.console_models import BatchFilter, BatchRecord, Position, RecordedMessage
from shared.store.batch_rows import to_batch
from shared.store.statements import chunks
from shared.store.tables import batch_messages, batches

b = batches.c


def page(
    connection: Connection, where: BatchFilter, limit: int, before: Position | None
) -> Sequence[BatchRecord]:
    """Return batches, newest first, that come after a position; keyset paging."""
    statement = select(batches)
    if where.state:
        statement = statement.where(b.state == literal_column(f"'{where.state.value}'"))
        if where.state is not BatchState.SETTLED:
            # For the index: SQLite does not conclude it.
            statement = statement.where(b.state != literal_column("'SETTLED'"))
    if where.batch_config_id is not None:
        statement = statement.where(b.batch_config_id == where.batch_config_id)
    if where.thunderhead_batch_id is not None:
        statement = statement.where(b.thunderhead_batch_id == where.thunderhead_batch_id)
    if before:
        created_at, batch_id = before
        statement = statement.where(
            b.created_at <= created_at,  # for the index; the next line decides
            or_(b.created_at < created_at, b.batch_id < batch_id),
        )
    statement = statement.order_by(b.created_at.desc(), b.batch_id.desc()).limit(limit)
    return [_to_record(row) for row in connection.execute(statement)]


def records(connection: Connection, batch_ids: Sequence[UUID]) -> Sequence[BatchRecord]:
    """Return batches with what Thunderhead last said of them, oldest first."""
    found = [
        _to_record(row)
        for some in chunks(batch_ids)
        for row in connection.execute(select(batches).where(b.batch_id.in_(some)))
    ]
    return sorted(found, key=lambda record: record.batch.created_at)


def messages(
    connection: Connection, batch_id: UUID, limit: int, about: UUID | None
) -> Sequence[RecordedMessage]:
    """Return the vendor's job messages in their order, those about one document or all."""
    m = batch_messages.c
    statement = select(batch_messages).where(m.batch_id == batch_id)
    if about:
        is_relevant = or_(m.document_reference.is_(None), m.document_reference == str(about))
        statement = statement.where(is_relevant)
    return [
        RecordedMessage(
            JobMessage(row.kind, row.message_text, row.document_reference), row.recorded_at
        )
        for row in connection.execute(statement.order_by(m.message_id).limit(limit))
    ]


def _to_record(row: Row[Any]) -> BatchRecord:
    return BatchRecord(
        batch=to_batch(row),
        updated_at=row.updated_at,
        settled_at=row.settled_at,
        counts=BatchCounts(
            row.trans_count, row.trans_completed, row.trans_errored, row.trans_stopped
        ),
        vendor_status_text=row.vendor_status_text,
        vendor_started_at=row.vendor_started_at,
        vendor_finished_at=row.vendor_finished_at,
    )
