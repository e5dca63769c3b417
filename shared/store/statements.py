"""Shapes of statements that several tables share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    Case,
    Column,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    case,
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
        unused = {name for name in rows[0] if all(row[name] is None for row in rows)}
        if unused:
            used = [name for name in rows[0] if name not in unused]
            rows = [{name: row[name] for name in used} for row in rows]
        connection.execute(_insert_into(table), rows)


@cache
def _insert_into(table: Table) -> Insert:
    # SQLAlchemy keeps with a statement what it looks up the compiled one by.
    return insert(table)


def by_key(key: Column[Any], column: Column[Any], rows: int) -> Case[Any]:
    """Build what sets a column of rows, each to a value of its own: see `keyed`.

    A statement that has it is built once for each number of rows: with every value as a literal
    that takes three times as long as to run it.
    """
    return case(
        {
            bindparam(f"key_{row}", type_=key.type): bindparam(f"value_{row}", type_=column.type)
            for row in range(rows)
        },
        value=key,
    )


def keyed(values: Sequence[tuple[Any, Any]], rows: int) -> dict[str, Any]:
    """Return the parameters of `by_key` for so many rows; the last one fills what is left."""
    parameters: dict[str, Any] = {}
    for row in range(rows):
        key, value = values[min(row, len(values) - 1)]
        parameters[f"key_{row}"] = key
        parameters[f"value_{row}"] = value
    return parameters


def places(rows: int) -> int:
    """Return for how many rows a statement is built that so many are to be given to.

    The next power of two: each other number is another statement, to be compiled and planned.
    """
    return 1 << (rows - 1).bit_length()


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
    returning: Sequence[Column[Any]] = (),
) -> Update:
    """Build the one statement that takes due rows whose state is `value`, oldest due first.

    The state is a literal: SQL Server never uses a filtered index for a parameter. It is
    asked for twice, since an engine that ignores the hints would otherwise hand a row out
    twice. The rows come back in any order, whole or with the columns that `returning` names.
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
        .returning(*(returning or table.c))
    )
