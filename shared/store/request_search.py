"""SQL that reads requests for people: one, a page of them, counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from shared.domain.models import DocumentRequest
from shared.domain.statuses import RequestStatus
from shared.jobs.console_models import Count, Position
from shared.jobs.request_storage import RequestFilter
from shared.store import request_details
from shared.store.request_rows import to_request
from shared.store.statements import Unindexed, chunks, count_up_to
from shared.store.tables import batches, document_requests, request_metadata

r = document_requests.c
m = request_metadata.c

MOST_RARE = 10_000
"""Requests with a metadata value, or that have ended, that are read and sorted, not looked for
among the newest."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def load(connection: Connection, *where: ColumnElement[bool]) -> Sequence[DocumentRequest]:
    """Return whole requests: with the vendor's batch id, metadata and outputs."""
    return _whole(connection, connection.execute(_select().where(*where)).all())


def page(
    connection: Connection, where: RequestFilter, limit: int, before: Position | None
) -> Sequence[DocumentRequest]:
    """Return requests, newest first, that come after a position; keyset paging."""
    branches = [
        _newest_first(branch, r.received_at, r.request_id, limit)
        for branch in _branches(connection, where, before)
    ]
    keys = branches[0]
    if len(branches) > 1:
        # One index order per status; the newest of each are put together.
        found = _together(branches).subquery()
        keys = _newest_first(select(found), found.c.received_at, found.c.request_id, limit)
    ids = [row.request_id for row in connection.execute(keys)]
    whole = {
        request.request_id: request
        for some in chunks(ids)
        for request in load(connection, r.request_id.in_(some))
    }
    return [whole[request_id] for request_id in ids]


def count(connection: Connection, where: RequestFilter, limit: int) -> Count:
    """Count requests, and stop at the limit."""
    branches = [branch.limit(limit + 1) for branch in _branches(connection, where, None)]
    return count_up_to(connection, _together(branches), limit)


def oldest_waiting(
    connection: Connection, status: RequestStatus, source_systems: Collection[str] | None
) -> tuple[UUID, datetime] | None:
    """Return the request of an open status that waits longest, and since when."""
    statement = select(r.request_id, r.waiting_since).where(
        r.status == status.value, r.waiting_since.is_not(None)
    )
    if source_systems is not None:
        statement = statement.where(r.source_system.in_(sorted(source_systems)))
    row = connection.execute(statement.order_by(r.waiting_since).limit(1)).first()
    return (row.request_id, row.waiting_since) if row else None


def count_by_status(connection: Connection, where: RequestFilter) -> Mapping[RequestStatus, int]:
    """Count requests by status; statuses without any are absent."""
    rows = connection.execute(
        select(r.status, func.count())
        .where(
            *_conditions(connection, where, where.metadata or {}),
            *_is_document(where),
            *_any_of(where.statuses),
        )
        .group_by(r.status)
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


def _together(branches: Sequence[Select[Any]]) -> Select[Any]:
    if len(branches) == 1:
        return branches[0]
    # An order, and a limit, of a part of a union need a SELECT of their own.
    found = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
    return select(found)


def _newest_first(
    statement: Select[Any], received_at: Any, request_id: Any, limit: int
) -> Select[Any]:
    return statement.order_by(received_at.desc(), request_id.desc()).limit(limit)


def _branches(
    connection: Connection, where: RequestFilter, before: Position | None
) -> list[Select[Any]]:
    """Return the keys of what matches, unordered: one statement for each status asked for.

    Where ids leave few, one for all of them.
    """
    metadata = dict(where.metadata or {})
    statement = select(r.received_at, r.request_id)
    has_ids = bool(where.request_ids or where.batch_ids or where.request_correlation_id)
    rare = None if has_ids else _rare(connection, metadata)
    if rare:
        pair = rare, metadata.pop(rare)
        statement = statement.where(r.request_id.in_(select(m.request_id).where(_is(pair))))
    statement = statement.where(*_conditions(connection, where, metadata))
    if before:
        received_at, request_id = before
        statement = statement.where(
            r.received_at <= received_at,  # for the index; the next line decides
            or_(r.received_at < received_at, r.request_id < request_id),
        )
    if has_ids:
        return [statement.where(*_is_document(where, is_rare=True), *_any_of(where.statuses))]
    statuses = list(dict.fromkeys(where.statuses))
    branches: list[Select[Any]] = []
    few_ended = None if rare else _few_ended(connection, where)
    if few_ended is not None:
        statuses = statuses or list(RequestStatus)
        ended = [status.value for status in statuses if status.is_terminal]
        statuses = [status for status in statuses if not status.is_terminal]
        branches.append(
            statement.where(
                r.request_id.in_(few_ended),
                Unindexed(r.status).in_(ended),
                *_is_document(where, is_rare=True),
            )
        )
    elif not statuses:
        return [statement.where(*_is_document(where))]
    return branches + [
        statement.where(
            *_is_status(status),
            *_is_document(where, is_rare=status is not RequestStatus.COMPLETED),
        )
        for status in statuses
    ]


def _carriers(connection: Connection, batch_ids: Sequence[str]) -> Sequence[UUID]:
    """Return our ids of batches that are named by ours or by Thunderhead's."""
    ours = {UUID(one) for one in batch_ids if _UUID.fullmatch(one)}
    vendors = select(batches.c.batch_id).where(batches.c.thunderhead_batch_id.in_(batch_ids))
    return sorted(ours.union(connection.scalars(vendors)))


def _rare(connection: Connection, metadata: Mapping[str, str]) -> str | None:
    """Return a key whose value few requests have: to begin with those is best then.

    With what many have, the newest requests are looked through. SQLite cannot tell which.
    """
    for pair in metadata.items():
        found = count_up_to(connection, select(m.request_id).where(_is(pair)), MOST_RARE)
        if not found.is_more:
            return pair[0]
    return None


def _few_ended(connection: Connection, where: RequestFilter) -> Select[Any] | None:
    """Return what has ended, and changed in the time that is asked for, where that is little.

    (What has not ended is found by its status: it is little as a rule, and changes often.)
    """
    if where.updated_from or where.updated_to:
        is_asked_for = not where.statuses or any(status.is_terminal for status in where.statuses)
    else:
        is_asked_for = RequestStatus.COMPLETED in where.statuses
    if not is_asked_for:
        return None
    c = document_requests.alias("ended").c
    ended = select(c.request_id).where(c.waiting_since.is_(None), *_changed(c.updated_at, where))
    return None if count_up_to(connection, ended, MOST_RARE).is_more else ended


def _changed(updated_at: Any, where: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.updated_from:
        conditions.append(updated_at >= where.updated_from)
    if where.updated_to:
        conditions.append(updated_at < where.updated_to)
    return conditions


def _is(pair: tuple[str, str]) -> ColumnElement[bool]:
    key, value = pair
    return and_(m.metadata_key == key, m.metadata_value == value)


def _is_status(status: RequestStatus) -> list[ColumnElement[bool]]:
    # Literals: SQL Server uses a filtered index for nothing else.
    conditions: list[ColumnElement[bool]] = [r.status == literal_column(f"'{status.value}'")]
    if status is not RequestStatus.COMPLETED:
        # For the index: SQLite does not conclude it.
        conditions.append(r.status != literal_column("'COMPLETED'"))
    return conditions


def _is_document(where: RequestFilter, *, is_rare: bool = False) -> list[ColumnElement[bool]]:
    """Return the conditions on what a document is.

    Where few rows are left by something else, that is to come first.
    """
    is_rare = is_rare or where.failure_category is not None
    equals = ((r.document_type, where.document_type), (r.document_name, where.document_name))
    return [
        (Unindexed(column) if is_rare else column) == value
        for column, value in equals
        if value is not None
    ]


def _any_of(statuses: Sequence[RequestStatus]) -> list[ColumnElement[bool]]:
    return [r.status.in_([status.value for status in statuses])] if statuses else []


def _conditions(
    connection: Connection, where: RequestFilter, metadata: Mapping[str, str]
) -> list[ColumnElement[bool]]:
    """Return all conditions but those on the status and the document."""
    conditions: list[ColumnElement[bool]] = []
    if where.source_systems is not None:
        conditions.append(r.source_system.in_(sorted(where.source_systems)))
    if where.request_ids:
        conditions.append(r.request_id.in_(where.request_ids))
    if where.batch_ids:
        carriers = _carriers(connection, where.batch_ids)
        # Nothing is in an empty list, but SQLite would look at every row for it.
        conditions.append(r.batch_id.in_(carriers) if carriers else false())
    category = where.failure_category.value if where.failure_category else None
    equals: tuple[tuple[Column[Any], Any], ...] = (
        (r.source_system, where.source_system),
        (r.request_correlation_id, where.request_correlation_id),
        (r.failure_category, category),
    )
    conditions.extend(column == value for column, value in equals if value is not None)
    if where.received_from:
        conditions.append(r.received_at >= where.received_from)
    if where.received_to:
        conditions.append(r.received_at < where.received_to)
    conditions += _changed(r.updated_at, where)
    if where.updated_to:
        # Nothing changes before it is received: that is for the index.
        conditions.append(r.received_at < where.updated_to)
    for pair in metadata.items():
        conditions.append(exists().where(m.request_id == r.request_id, _is(pair)))
    return conditions
