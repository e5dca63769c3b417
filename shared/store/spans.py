"""A span for every statement on a table that belongs to a recorded span: no text, no values.

A statement outside any run or call makes no trace of its own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from opentelemetry.trace import Span, SpanKind
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import ExecutionContext

from shared import tracing

_KEY = "oms_span"
_SYSTEMS = {"mssql": "microsoft.sql_server"}
_TABLE = re.compile(r"(?:FROM|INTO|UPDATE)\s+\(?([\w.]+)", re.IGNORECASE)


def trace_statements(engine: Engine) -> None:
    """Make an engine put its statements into spans, named by the semantic conventions."""
    url = engine.url
    common: dict[str, str | int] = {
        "db.system.name": _SYSTEMS.get(engine.dialect.name, engine.dialect.name)
    }
    if url.host:
        common["server.address"] = url.host
        common["server.port"] = url.port or 1433
    if url.database:
        common["db.namespace"] = url.database.rpartition("/")[2]

    def begin(
        _connection: Connection,
        _cursor: Any,
        statement: str,
        _parameters: Any,
        context: ExecutionContext,
        _is_many: bool,
    ) -> None:
        if tracing.is_recording() and (found := _operation_and_table(statement)):
            operation, table = found
            summary = f"{operation} {table}"
            own = {
                "db.operation.name": operation,
                "db.collection.name": table,
                "db.query.summary": summary,
            }
            vars(context)[_KEY] = tracing.start(summary, SpanKind.CLIENT, common | own)

    def end(
        _connection: Connection,
        _cursor: Any,
        _statement: str,
        _parameters: Any,
        context: ExecutionContext,
        _is_many: bool,
    ) -> None:
        if span := _taken(context):
            span.end()

    def fail(failure: ExceptionContext) -> None:
        if span := _taken(failure.execution_context):
            tracing.mark_failed(span, type(failure.original_exception).__qualname__)
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


def _taken(context: ExecutionContext | None) -> Span | None:
    # Not in `Connection.info`: the connection that SQLAlchemy asks its first questions on has none.
    found: Span | None = None if context is None else vars(context).pop(_KEY, None)
    return found


@lru_cache(512)
def _operation_and_table(statement: str) -> tuple[str, str] | None:
    """Return what a statement does to which table; None for what begins transactions and such."""
    found = _TABLE.search(statement)
    return (statement.split(None, 1)[0].upper(), found[1]) if found else None
