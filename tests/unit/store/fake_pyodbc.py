"""As much of pyodbc as SQLAlchemy needs to connect, without a driver and a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import ModuleType
from typing import Any


class FakeError(Exception):
    pass


class FakeOperationalError(FakeError):
    pass


class FakeCursor:
    def __init__(self, driver: FakePyodbc) -> None:
        self._driver = driver
        self.description: Any = None
        self.rowcount = 1
        self._rows: list[tuple[Any, ...]] = []
        self.types: list[Any] = []

    def setinputsizes(self, types: list[Any]) -> None:
        self.types = types

    def execute(self, statement: str, *parameters: Any) -> None:
        if self._driver.failures:
            raise self._driver.failures.pop(0)
        self._driver.executed.append((statement, self.types))
        self._driver.parameters = parameters
        if self._driver.refuses_statement and self._driver.refuses_statement in statement:
            raise FakeError("42000", "[42000] unknown (195) (SQLExecDirectW)")
        self._rows = [("16.0.1000.6",)] if "SERVERPROPERTY" in statement else [("1",)]
        is_query = statement.startswith("SELECT")
        self.description = (("a", str, None, None, None, None, None),) if is_query else None

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to do."""


class FakeConnection:
    autocommit = False

    def __init__(self, driver: FakePyodbc) -> None:
        self._driver = driver

    def cursor(self) -> FakeCursor:
        return FakeCursor(self._driver)

    def add_output_converter(self, *_: Any) -> None:
        """Nothing to do."""

    def commit(self) -> None:
        """Nothing to do."""

    rollback = close = commit


class FakePyodbc(ModuleType):
    """Notes how it is called; each of `failures` is raised once by a statement."""

    paramstyle = "qmark"
    version = "5.5.0"
    pooling = True
    Error = FakeError
    OperationalError = FakeOperationalError
    ProgrammingError = IntegrityError = DatabaseError = InterfaceError = FakeError
    Cursor = FakeCursor
    Binary = bytes
    BINARY = bytearray
    DATETIME = datetime
    SQL_VARCHAR, SQL_WVARCHAR, SQL_VARBINARY, SQL_TYPE_TIMESTAMP = 12, -9, -3, 93

    def __init__(self) -> None:
        super().__init__("pyodbc")
        self.connections: list[tuple[str, dict[str, Any]]] = []
        self.executed: list[tuple[str, list[Any]]] = []
        self.parameters: Sequence[Any] = ()
        self.failures: list[Exception] = []
        self.refuses: Exception | None = None
        self.refuses_statement: str | None = None

    def connect(self, connection_string: str, **keywords: Any) -> FakeConnection:
        assert self.pooling is False, "before the first connection"
        self.connections.append((connection_string, keywords))
        if self.refuses:
            raise self.refuses
        return FakeConnection(self)
