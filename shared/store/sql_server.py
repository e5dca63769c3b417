"""Connections to SQL Server and Azure SQL, through pyodbc. Why so: docs/decisions/0018."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, ExceptionContext, LargeBinary, create_engine, event

from shared.store import entra

LOCK_TIMEOUT_MILLISECONDS = 15_000
LOGIN_TIMEOUT_SECONDS = 15
"""The driver knocks at a closed port for all of this time."""

_LONGEST_NVARCHAR = 4000
_LONGEST_VARCHAR = 8000
_DATETIME2_CHARACTERS, _DATETIME2_DIGITS = 27, 7
"""In all, and behind the second."""


def create_sql_server_engine(address: URL) -> Engine:
    """Make the engine of an `mssql+pyodbc` URL; one without credentials uses Entra ID."""
    needs_token = entra.is_needed(address)
    engine = create_engine(
        address,
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        # A connection keeps the level that it was given last.
        isolation_level="READ COMMITTED",
        connect_args={"timeout": LOGIN_TIMEOUT_SECONDS},
    )
    # SQLAlchemy pools. ODBC's own pool would hand out connections of tokens that have expired.
    engine.dialect.loaded_dbapi.pooling = False  # type: ignore[attr-defined]
    event.listen(engine, "connect", _limit_waits_for_locks)
    event.listen(engine, "do_setinputsizes", _declare_parameters)
    event.listen(engine, "handle_error", _judge_failed_login)
    if needs_token:
        event.listen(engine, "do_connect", entra.connect)
    return engine


def _limit_waits_for_locks(connection: Any, _record: Any) -> None:
    # pyodbc's own time-out does not interrupt a wait for a lock. Error 1222 then: see
    # `database_errors`.
    cursor = connection.cursor()
    cursor.execute(f"SET LOCK_TIMEOUT {LOCK_TIMEOUT_MILLISECONDS}")
    cursor.close()


def _declare_parameters(
    types: dict[Any, Any], _cursor: Any, _statement: str, _parameters: Any, context: Any
) -> None:
    """Declare each kind of parameter the same way, whatever the length of its value.

    The driver takes the length of the value otherwise: SQL Server would then compile, and keep,
    a plan for every combination of lengths, and get long bytes as the retired type `image`.
    """
    odbc = context.dialect.loaded_dbapi
    declared = {
        odbc.SQL_WVARCHAR: (odbc.SQL_WVARCHAR, _LONGEST_NVARCHAR, 0),
        odbc.SQL_VARCHAR: (odbc.SQL_VARCHAR, _LONGEST_VARCHAR, 0),
        odbc.DATETIME: (odbc.SQL_TYPE_TIMESTAMP, _DATETIME2_CHARACTERS, _DATETIME2_DIGITS),
    }
    for parameter, kind in types.items():
        if isinstance(parameter.type, LargeBinary):
            types[parameter] = (odbc.SQL_VARBINARY, 0, 0)  # varbinary(max)
        else:
            types[parameter] = declared.get(kind, kind)


def _judge_failed_login(context: ExceptionContext) -> None:
    # SQLAlchemy takes a login that failed for a connection that broke, whose work is to be run
    # again: for a closed port, that is to wait out the login's time again.
    if context.connection is None and not context.is_pre_ping:
        context.is_disconnect = False
