"""Every statement that the store executes, as SQL Server would get it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ClauseElement, Engine, event
from sqlalchemy.dialects import mssql
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.ddl import DDLElement
from sqlalchemy.sql.elements import ReleaseSavepointClause

DIALECT = mssql.dialect()  # type: ignore[no-untyped-call]


@contextmanager
def recorded(target: Engine | type[Engine]) -> Iterator[list[str]]:
    """Collect, as SQL Server would get them, the statements of an engine, or of every engine."""
    statements: list[str] = []

    def record(_connection: Any, clause: Any, many: Any, one: Any, _options: Any) -> None:
        # SQL Server cannot give a savepoint up: SQLAlchemy sends it nothing.
        if isinstance(clause, ClauseElement) and not isinstance(clause, ReleaseSavepointClause):
            given = (many[0] if many else one) or {}
            statements.append(to_sql_server(clause, given, is_many=bool(many)))

    event.listen(target, "before_execute", record)
    yield statements
    event.remove(target, "before_execute", record)


def to_sql_server(
    clause: ClauseElement, given: Mapping[str, Any] | None = None, *, is_many: bool = False
) -> str:
    """Compile for SQL Server, with every list of an IN written out."""
    if isinstance(clause, DDLElement):
        return str(clause.compile(dialect=DIALECT))
    compiled = clause.compile(  # type: ignore[call-arg]
        dialect=DIALECT, column_keys=list(given or ()) or None, for_executemany=is_many
    )
    assert isinstance(compiled, SQLCompiler)
    return compiled.construct_expanded_state(given).statement
