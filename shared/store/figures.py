"""SQL that counts what is open. Its cost grows with what is open, never with what is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal_column, select, text

from shared.domain.figures import Figures, Waiting
from shared.domain.statuses import RequestStatus
from shared.store.outbox import PENDING, SET_ASIDE
from shared.store.tables import batches, document_requests, outbox
from shared.store.types import UtcTimestamp

r, b, o = document_requests.c, batches.c, outbox.c

# What Azure SQL says of the database that is connected to; NULL on a server without a limit.
_UTILIZATION = text(
    "SELECT SUM(CAST(FILEPROPERTY(name, 'SpaceUsed') AS float)) * 8192 "
    "/ CAST(DATABASEPROPERTYEX(DB_NAME(), 'MaxSizeInBytes') AS float) "
    "FROM sys.database_files WHERE type_desc = 'ROWS'"
)


class FiguresTables:
    """Port `FiguresReader` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self) -> Figures:
        """Count requests and events that are open."""
        # A reprocessed request is as old as its generation, which nothing but its last change
        # tells; while it waits for reference data, that is its last try.
        born = case((r.generation == 1, r.received_at), else_=r.updated_at)
        claimed = [_is("PROCESSING"), r.due_at.is_not(None)]
        return Figures(
            requests={
                RequestStatus.RECEIVED: self._waiting(born, _is("RECEIVED"), r.due_at.is_not(None)),
                RequestStatus.PROCESSING: _joined(
                    self._waiting(born, *claimed),
                    self._waiting(born, *_in_batch("SUBMITTING", "PROCESSING")),
                ),
                RequestStatus.SUBMITTED: self._waiting(
                    r.submitted_at, *_in_batch("SUBMITTED", "SUBMITTED")
                ),
                RequestStatus.HELD: self._waiting(r.updated_at, _is("HELD")),
            },
            outbox=self._outbox(),
            database_utilization=self._utilization(),
        )

    def _waiting(self, since: ColumnElement[Any], *where: ColumnElement[bool]) -> Waiting:
        statement = select(func.count(), func.min(since, type_=UtcTimestamp())).where(*where)
        row = self._connection.execute(statement).one()
        return Waiting(row[0], row[1])

    def _outbox(self) -> dict[str, Waiting]:
        statement = (
            select(o.state, func.count(), func.min(o.created_at))
            .where(o.published_at.is_(None))
            .group_by(o.state)
        )
        found = {row[0]: Waiting(row[1], row[2]) for row in self._connection.execute(statement)}
        return {state: found.get(state, Waiting(0, None)) for state in (PENDING, SET_ASIDE)}

    def _utilization(self) -> float | None:
        if self._connection.dialect.name != "mssql":
            return None
        used: float | None = self._connection.execute(_UTILIZATION).scalar()
        return used


def _is(status: str) -> ColumnElement[bool]:
    # A literal: SQL Server never uses a filtered index for a parameter.
    return r.status == literal_column(f"'{status}'")


def _in_batch(state: str, status: str) -> Sequence[ColumnElement[bool]]:
    """Find the requests of open batches by those: there is no index of all SUBMITTED ones."""
    return (
        b.state == literal_column(f"'{state}'"),
        b.due_at.is_not(None),
        r.batch_id == b.batch_id,
        _is(status),
    )


def _joined(one: Waiting, other: Waiting) -> Waiting:
    since: list[datetime] = [each.since for each in (one, other) if each.since]
    return Waiting(one.count + other.count, min(since, default=None))
