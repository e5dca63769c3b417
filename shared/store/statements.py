"""Shapes of statements that several tables share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Update,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from shared.jobs.console_models import Count

ROWS_PER_STATEMENT = 200
"""SQL Server takes 2,100 parameters, and escalates to a table lock at about 5,000 locks."""

_CLAIM_HINT = "WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)"

T = TypeVar("T")


def chunks(rows: Sequence[T], size: int = ROWS_PER_STATEMENT) -> Iterator[Sequence[T]]:
    """Cut rows into pieces that one statement may name."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of the same keys; none is fine too.

    A column that is None in all of them is left out: see `setting`.
    """
    if rows:
        used = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        connection.execute(insert(table), [{name: row[name] for name in used} for row in rows])


def count_up_to(connection: Connection, rows: Select[Any], limit: int) -> Count:
    """Count rows, and stop at one more than the limit."""
    some = rows.limit(limit + 1).subquery()
    found = connection.scalar(select(func.count()).select_from(some)) or 0
    return Count(min(found, limit), found > limit)


class Unindexed(ColumnElement[Any]):
    """A column that SQLite is not to look for an index of.

    It has no statistics, and takes any index for as good as another. (SQL Server has some.)
    """

    inherit_cache = True

    def __init__(self, column: Column[Any]) -> None:
        self.column = column
        self.type = column.type

    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012


@compiles(Unindexed)
def _as_it_is(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column, **options)


@compiles(Unindexed, "sqlite")
def _with_a_plus(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.column, **options)}"


def setting(values: dict[str, Any]) -> dict[str, Any]:
    """Return what an UPDATE sets, with NULL written out.

    As a parameter it costs a round trip: pyodbc asks the server for the type of each NULL.
    """
    return {name: null() if value is None else value for name, value in values.items()}


def claim(
    state: Column[Any],
    value: str,
    *,
    owner: UUID,
    now: datetime,
    leased_until: datetime,
    limit: int,
    values: dict[str, Any] | None = None,
) -> Update:
    """Build the one statement that takes due rows whose state is `value`, oldest due first.

    The state is a literal: SQL Server never uses a filtered index for a parameter. It is
    asked for twice, since an engine that ignores the hints would otherwise hand a row out
    twice. The rows come back in any order.
    """
    table = state.table
    (key,) = table.primary_key
    is_claimable = state == literal_column(f"'{value}'")
    due = (
        select(key)
        .with_hint(table, _CLAIM_HINT, "mssql")
        .where(is_claimable, table.c.due_at <= now)
        .order_by(table.c.due_at)
        .limit(limit)
    )
    return (
        update(table)
        .where(key.in_(due), is_claimable)
        .values(lease_owner=owner, due_at=leased_until, **(values or {}))
        .returning(*table.c)
    )
