"""The databases of the tests: files, or databases of their own on the server that
OMS_TEST_DATABASE_URL names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from shared.composition import open_store
from shared.store.database_errors import sql_server_numbers
from shared.store.sql_server import create_sql_server_engine
from shared.store.tables import metadata
from tests.integration.waiting import wait_for

SERVER_URL = os.environ.get("OMS_TEST_DATABASE_URL")

_ONE_AT_A_TIME = frozenset({1807, 33557097})
"""Another database is being created or dropped: SQL Server copies its `model`, which only one may
do at a time, and Babelfish keeps its list."""
_DATABASE = re.compile(r"(?i)(^|;)\s*database\s*=[^;]*")


def migrate(url: str) -> None:
    """Bring a database to the newest schema."""
    store = open_store(url)
    store.migrate()
    store.close()


def migrated_databases(server_url: str) -> Iterator[str]:
    """Yield, for one test after the other, a database at the newest schema without a row.

    It is the same one again, since that takes a tenth of the time; another where a test has left
    a transaction open in it.
    """
    while True:
        with database_on(server_url) as url:
            migrate(url)
            yield url
            while _is_emptied(url):
                yield url


@contextmanager
def database_on(server_url: str) -> Iterator[str]:
    """Create an empty database, and drop it afterwards; yields its URL."""
    name = f"oms_{uuid4().hex[:12]}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        wait_for(lambda: _is_done(connection, f"CREATE DATABASE {name}"), "CREATE DATABASE")
        with suppress(DBAPIError):  # Azure SQL has it on; what is no SQL Server may not know it
            connection.execute(text(f"ALTER DATABASE {name} SET READ_COMMITTED_SNAPSHOT ON"))
    try:
        yield url_of(server_url, name)
    finally:
        with engine.connect() as connection:
            with suppress(DBAPIError):  # ends sessions of processes that the test killed
                connection.execute(
                    text(f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
                )
            # It stays where the server has not noticed the end of its sessions.
            with suppress(DBAPIError, AssertionError):
                wait_for(lambda: _is_done(connection, f"DROP DATABASE {name}"), "its drop", 5)


def url_of(server_url: str, database: str) -> str:
    """Return the URL of another database of a server."""
    url = make_url(server_url)
    odbc = url.query.get("odbc_connect")
    if odbc is None:
        url = url.set(database=database)
    else:
        others = _DATABASE.sub("", str(odbc)).strip(";")
        url = url.update_query_dict({"odbc_connect": f"{others};DATABASE={database}"})
    return url.render_as_string(hide_password=False)


def _is_done(connection: Connection, statement: str) -> bool:
    try:
        connection.execute(text(statement))
    except DBAPIError as error:
        if not sql_server_numbers(error) & _ONE_AT_A_TIME:
            raise
        return False
    return True


def _is_emptied(url: str) -> bool:
    engine = create_sql_server_engine(make_url(url))
    try:
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
    except DBAPIError:
        return False
    finally:
        engine.dispose()
    return True
