"""Which errors of the database mean what, by number and never by text."""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import DBAPIError

_NATIVE_NUMBER = re.compile(r"\((\d+)\)(?= \(SQL|; \[|$)")

UNIQUE_VIOLATION = frozenset({2601, 2627})
DEADLOCK_OR_LOCK_TIMEOUT = frozenset({1205, 1222})
TRANSIENT = frozenset(
    {4060, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920, 10053, 10054, 10060, 233, 64}
)
"""Azure SQL's list of transient errors, and broken connections."""


def sql_server_numbers(error: DBAPIError) -> frozenset[int]:
    """Return the native error numbers in a pyodbc error.

    pyodbc has no attribute for them: ODBC puts each, in parentheses, behind its message. (A
    message may quote data, which may hold numbers in parentheses too.)
    """
    text = str(error.orig.args[1]) if error.orig and len(error.orig.args) > 1 else ""
    return frozenset(int(number) for number in _NATIVE_NUMBER.findall(text))


def is_unique_violation(error: DBAPIError) -> bool:
    """Tell whether a unique constraint or index refused a row."""
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode in (
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        )
    return bool(sql_server_numbers(error) & UNIQUE_VIOLATION)


def is_worth_repeating(error: DBAPIError) -> bool:
    """Tell whether the whole transaction may be run again at once."""
    if isinstance(error.orig, sqlite3.Error):
        return False  # the busy time-out has waited already
    return error.connection_invalidated or bool(
        sql_server_numbers(error) & (DEADLOCK_OR_LOCK_TIMEOUT | TRANSIENT)
    )
