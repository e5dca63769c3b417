from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, insert, select, text

from shared.errors import DatabaseUnavailable
from shared.store.database import SqlStore
from shared.store.engine import create_engine
from shared.store.tables import outbox, request_contents, request_metadata
from tests.unit.store.fake_pyodbc import FakeOperationalError, FakePyodbc

URL = "mssql+pyodbc://user:secret@server/db?driver=x"


@pytest.fixture
def engine(pyodbc: FakePyodbc) -> Engine:
    return create_engine(URL)


def test_a_connection_limits_its_waits_and_states_its_isolation_level(
    engine: Engine, pyodbc: FakePyodbc
) -> None:
    with engine.connect():
        executed = [statement for statement, _ in pyodbc.executed]
    assert "SET LOCK_TIMEOUT 15000" in executed
    assert "SET TRANSACTION ISOLATION LEVEL READ COMMITTED" in executed
    ((_, keywords),) = pyodbc.connections
    assert keywords["timeout"] == 15
    assert pyodbc.pooling is False


def test_parameters_are_declared_alike_whatever_their_length(
    engine: Engine, pyodbc: FakePyodbc
) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(request_metadata),
            [
                {"request_id": uuid4(), "metadata_key": "K", "metadata_value": "v" * length}
                for length in (1, 200)
            ],
        )
        connection.execute(
            insert(request_contents), [{"request_id": uuid4(), "content": b"x" * 9000}]
        )
    (_, names), (_, contents) = pyodbc.executed[-2:]
    nvarchar, anything = (-9, 4000, 0), (None, None, None)
    assert names == [anything, nvarchar, nvarchar] * 2, "both rows in one statement"
    assert contents == [anything, (-3, 0, 0)]


def test_a_word_stays_a_varchar(engine: Engine, pyodbc: FakePyodbc) -> None:
    with engine.connect() as connection:
        connection.execute(select(outbox.c.event_id).where(outbox.c.state == "PENDING"))
    assert pyodbc.executed[-1][1] == [(12, 8000, 0)]


def test_a_time_is_sent_whole(engine: Engine, pyodbc: FakePyodbc) -> None:
    """The server gets a datetime2(7), whatever pyodbc believes of its precision."""
    moment = datetime(2026, 3, 2, 10, 0, 0, 123_000, timezone(timedelta(hours=1)))
    with engine.connect() as connection:
        connection.execute(select(outbox.c.event_id).where(outbox.c.due_at <= moment))
    assert pyodbc.executed[-1][1] == [(93, 27, 7)]
    assert pyodbc.parameters == (("2026-03-02 09:00:00.123000",),)


@pytest.mark.parametrize("code", ["08001", "HYT00", "01000"])
def test_a_login_that_failed_is_not_repeated(pyodbc: FakePyodbc, code: str) -> None:
    """At a closed port the driver has knocked for the whole time of a login already."""
    pyodbc.refuses = FakeOperationalError(code, f"[{code}] no (0) (SQLDriverConnect)")
    store = SqlStore(create_engine(URL), pause=lambda _: None)
    with pytest.raises(DatabaseUnavailable):
        store.write(lambda tx: None)
    assert len(pyodbc.connections) == 1


def test_a_login_that_azure_asks_to_repeat_is_repeated(pyodbc: FakePyodbc) -> None:
    pyodbc.refuses = FakeOperationalError("HY000", "[HY000] not now (40613) (SQLDriverConnect)")
    store = SqlStore(create_engine(URL), pause=lambda _: None)
    with pytest.raises(DatabaseUnavailable):
        store.write(lambda tx: None)
    assert len(pyodbc.connections) == 4


def test_a_connection_that_broke_in_the_pool_is_replaced(
    engine: Engine, pyodbc: FakePyodbc
) -> None:
    engine.connect().close()
    pyodbc.failures = [FakeOperationalError("08S01", "[08S01] gone (10054) (SQLExecDirectW)")]
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert len(pyodbc.connections) == 2


def test_work_whose_connection_broke_is_run_again(engine: Engine, pyodbc: FakePyodbc) -> None:
    runs: list[Any] = []

    def work(tx: Any) -> int:
        runs.append(tx)
        if len(runs) == 1:
            pyodbc.failures = [FakeOperationalError("08S01", "[08S01] gone (10054) (SQLExecute)")]
        tx.requests._connection.execute(text("UPDATE t SET a = 1"))
        return len(runs)

    assert SqlStore(engine, pause=lambda _: None).write(work) == 2


def test_a_question_of_sqlalchemy_that_is_refused_costs_nothing(
    engine: Engine, pyodbc: FakePyodbc
) -> None:
    """It asks some at its first connection; a server (Babelfish) need not know them all."""
    pyodbc.refuses_statement = "fn_listextendedproperty"
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert any(pyodbc.refuses_statement in statement for statement, _ in pyodbc.executed)


def test_errors_show_no_values(engine: Engine) -> None:
    assert engine.hide_parameters
