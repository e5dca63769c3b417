"""SQL that reads requests for people: one, a page of them, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from shared.domain.models import DocumentRequest
from shared.domain.statuses import RequestStatus
from shared.jobs.request_storage import RequestFilter
from shared.store import request_details
from shared.store.request_rows import to_request
from shared.store.tables import batches, document_requests, request_metadata

r = document_requests.c


def load(connection: Connection, *where: ColumnElement[bool]) -> Sequence[DocumentRequest]:
    """Return whole requests: with the vendor's batch id, metadata and outputs."""
    return _whole(connection, connection.execute(_select().where(*where)).all())


def page(
    connection: Connection, where: RequestFilter, limit: int, before: tuple[datetime, UUID] | None
) -> Sequence[DocumentRequest]:
    """Return requests, newest first, that come after a position; keyset paging."""
    statement = _select().where(*_conditions(where))
    if before:
        received_at, request_id = before
        statement = statement.where(
            r.received_at <= received_at,  # for the index; the next line decides
            or_(r.received_at < received_at, r.request_id < request_id),
        )
    statement = statement.order_by(r.received_at.desc(), r.request_id.desc()).limit(limit)
    return _whole(connection, connection.execute(statement).all())


def count_by_status(connection: Connection, where: RequestFilter) -> Mapping[RequestStatus, int]:
    """Count requests by status; statuses without any are absent."""
    rows = connection.execute(
        select(r.status, func.count()).where(*_conditions(where)).group_by(r.status)
    )
    return {RequestStatus(status): count for status, count in rows}


def _select() -> Any:
    return select(document_requests, batches.c.thunderhead_batch_id).outerjoin(
        batches, batches.c.batch_id == r.batch_id
    )


def _whole(connection: Connection, rows: Sequence[Row[Any]]) -> Sequence[DocumentRequest]:
    requests: Sequence[DocumentRequest] = [
        replace(to_request(row), thunderhead_batch_id=row.thunderhead_batch_id) for row in rows
    ]
    requests = request_details.with_metadata(connection, requests)
    return request_details.with_outputs(connection, requests)


def _conditions(where: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.source_systems is not None:
        conditions.append(r.source_system.in_(sorted(where.source_systems)))
    equals: tuple[tuple[Column[Any], Any], ...] = (
        (r.source_system, where.source_system),
        # A literal: SQL Server uses a filtered index for nothing else.
        (r.status, literal_column(f"'{where.status.value}'") if where.status else None),
        (r.document_type, where.document_type),
        (r.document_name, where.document_name),
        (r.request_correlation_id, where.request_correlation_id),
    )
    conditions.extend(column == value for column, value in equals if value is not None)
    if where.received_from:
        conditions.append(r.received_at >= where.received_from)
    if where.received_to:
        conditions.append(r.received_at < where.received_to)
    if where.updated_from:
        conditions.append(r.updated_at >= where.updated_from)
    m = request_metadata.c
    for key, value in (where.metadata or {}).items():
        conditions.append(
            exists().where(
                and_(
                    m.request_id == r.request_id,
                    m.metadata_key == key,
                    m.metadata_value == value,
                )
            )
        )
    return conditions
