"""Column types that mean the same on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    String,
    Unicode,
    UnicodeText,
    Uuid,
)
from sqlalchemy.dialects import mssql, sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

_TEXT_LENGTH = len("2026-01-01 00:00:00.000000")
_BINARY_COLLATION = "Latin1_General_BIN2"


_uuid_of = lru_cache(maxsize=16_384)(UUID)


# Rows that are written together share their times, and are read together again.
@lru_cache(maxsize=256)
def _text_of(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(" ", "microseconds")[:_TEXT_LENGTH]


@lru_cache(maxsize=256)
def _time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Identifier(Uuid[UUID]):
    """A random id. What SQLite returns as text is made a UUID once for many statements.

    A run reads the same ids again and again, and to make one costs more than to read the rest
    of its row. (Dialects that know ids have types of their own for this one.)
    """

    cache_ok = True

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], UUID | None]:
        """Read 32 hexadecimal digits."""
        return lambda text: None if text is None else _uuid_of(text)


class _TextAsItIs(sqlite.DATETIME):
    """Declared as a time; `UtcTimestamp` writes and reads the text."""

    def bind_processor(self, dialect: Dialect) -> None:
        """Change nothing."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Change nothing."""


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware time in UTC: datetime2(7), or ISO text on SQLite.

    What is written comes from the clock, in whole milliseconds. Every time is sent as a
    datetime2(7) (`sql_server`), and SQL Server need not convert for a comparison what is one too:
    a claim reads its index in order.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the engine."""
        if dialect.name == "mssql":
            return dialect.type_descriptor(mssql.DATETIME2(7))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(_TextAsItIs())  # type: ignore[no-untyped-call]

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write UTC without its offset, as text.

        To SQL Server too: pyodbc cuts a datetime to whole seconds where a server (Babelfish)
        does not tell it the precision of its types. The driver makes a time of the text.
        """
        return None if value is None else _text_of(value)

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Read UTC."""
        if value is None:
            return None
        return _time_of(value) if isinstance(value, str) else value.replace(tzinfo=UTC)


class ShortText(TypeDecorator[str]):
    """A text for people, cut to what fits: SQL Server refuses what is longer.

    It counts UTF-16 units, of which an emoji has two.
    """

    impl = Unicode
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Cut, never in the middle of a character."""
        return None if value is None else cut(value, self.length)


def cut(text: str, units: int) -> str:
    """Return as much of a text as so many UTF-16 units hold."""
    if text.isascii() and len(text) <= units:
        return text
    return text.encode("utf-16-le", "replace")[: 2 * units].decode("utf-16-le", "ignore")


def key_text(length: int) -> TypeEngine[str]:
    """Return a text that is compared byte by byte: `req-a` is not `REQ-A`."""
    return Unicode(length).with_variant(
        mssql.NVARCHAR(length, collation=_BINARY_COLLATION), "mssql"
    )


def word(length: int = 12) -> TypeEngine[str]:
    """Return a short ASCII word of ours, such as a status."""
    return String(length).with_variant(mssql.VARCHAR(length, collation=_BINARY_COLLATION), "mssql")


def serial() -> TypeEngine[int]:
    """Return a number that the database counts up (SQLite does so for INTEGER only)."""
    return BigInteger().with_variant(Integer(), "sqlite")


def blob() -> TypeEngine[bytes]:
    """Return bytes without a limit."""
    return LargeBinary().with_variant(mssql.VARBINARY("max"), "mssql")  # type: ignore[no-untyped-call]


def long_text() -> TypeEngine[str]:
    """Return a text without a limit."""
    return UnicodeText().with_variant(mssql.NVARCHAR(), "mssql")
