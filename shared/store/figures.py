"""SQL that counts what is open. Its cost grows with what is open, never with what is over."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, func, literal_column, select, text
from sqlalchemy.exc import ProgrammingError

from shared.domain.figures import NOTHING, OPEN, Figures, Waiting
from shared.store.outbox import PENDING, SET_ASIDE
from shared.store.tables import document_requests, outbox

r, o = document_requests.c, outbox.c

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
        requests = self._waiting(r.status, r.waiting_since, r.waiting_since.is_not(None))
        # As its index wants it.
        is_open = o.state != literal_column("'PUBLISHED'")
        events = self._waiting(o.state, o.created_at, is_open)
        return Figures(
            requests={status: requests.get(status.value, NOTHING) for status in OPEN},
            outbox={state: events.get(state, NOTHING) for state in (PENDING, SET_ASIDE)},
            database_utilization=self._utilization(),
        )

    def _waiting(
        self, state: Column[str], since: Column[datetime], is_open: ColumnElement[bool]
    ) -> dict[str, Waiting]:
        """Count what is open by its state, with the age of the oldest."""
        statement = select(state, func.count(), func.min(since)).where(is_open).group_by(state)
        return {row[0]: Waiting(row[1], row[2]) for row in self._connection.execute(statement)}

    def _utilization(self) -> float | None:
        if self._connection.dialect.name != "mssql":
            return None
        used: float | None = None
        # Not every server that speaks T-SQL can say (Babelfish): no reason to count nothing.
        with suppress(ProgrammingError), self._connection.begin_nested():
            used = self._connection.execute(_UTILIZATION).scalar()
        return used
