"""Connections: what each engine needs before its first statement."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy import create_engine as create_sqlalchemy_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.errors import DatabaseUnavailable, SettingsError
from shared.store.spans import trace_statements
from shared.store.sql_server import create_sql_server_engine

READ_ONLY = "oms_read_only"
"""Execution option of a connection that will only read."""

_SQLITE_BUSY_SECONDS = 30

Turn = Callable[[], AbstractContextManager[None]]


def create_engine(url: str) -> Engine:
    """Make the engine of a database URL; connects lazily. Raises SettingsError.

    SQLite: write-ahead log, every commit synced, foreign keys on, and writers that wait for
    their turn at BEGIN instead of failing in the middle. SQL Server: see `sql_server`.

    Neither errors nor logs show the values of a statement: they are personal data.
    """
    logging.getLogger("sqlalchemy.engine.Engine").addFilter(_holds_no_row)
    try:
        engine = _create(url)
        engine.dialect.create_connect_args(engine.url)
        trace_statements(engine)
    except (ArgumentError, ValueError):  # its text may hold the password
        raise SettingsError("OMS_DATABASE_URL: not a SQLAlchemy URL") from None
    except ImportError as error:
        raise SettingsError(f"OMS_DATABASE_URL: the driver cannot be loaded ({error})") from None
    return engine


def _holds_no_row(record: logging.LogRecord) -> bool:
    """Drop what the engine logs at DEBUG: every row that it reads."""
    return record.levelno > logging.DEBUG


def _create(url: str) -> Engine:
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database in (None, "", ":memory:"):
            raise ArgumentError("a database in memory is another one for each connection")
        engine = create_sqlalchemy_engine(
            url,
            pool_size=10,
            max_overflow=10,
            hide_parameters=True,
            connect_args={"timeout": _SQLITE_BUSY_SECONDS, "check_same_thread": False},
        )
        # As for SQL Server: many rows are one statement, not one each.
        engine.dialect.use_insertmanyvalues_wo_returning = True
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_sql_server_engine(address)


def turn_to_write(engine: Engine) -> Turn:
    """Return what a transaction that writes has to enter first, once for an engine.

    SQLite has one writer at a time, and no queue: who waits there sleeps, also when the writer
    before is done. So the threads of a process queue here. Raises DatabaseUnavailable.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext
    lock = Lock()

    @contextmanager
    def turn() -> Iterator[None]:
        if not lock.acquire(timeout=_SQLITE_BUSY_SECONDS):
            raise DatabaseUnavailable("others have been writing for too long")
        try:
            yield
        finally:
            lock.release()

    return turn


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions on its own: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that begins as a reader may find, at its first write, that it read old data;
    # SQLite fails it at once then. IMMEDIATE waits (the busy time-out) for the one write lock.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
