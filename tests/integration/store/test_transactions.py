from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from shared.composition import open_store
from shared.errors import DatabaseUnavailable
from shared.store import database as databases
from shared.store import engine as engines
from shared.store import sql_server
from shared.store.database import SqlStore, SqlTransaction
from shared.store.engine import create_engine
from shared.store.requests import RequestsTable
from tests.integration.store.samples import request, store_requests


class Boom(Exception):
    pass


def test_an_error_in_the_work_takes_everything_back(store: SqlStore) -> None:
    one = request()

    def work(tx: SqlTransaction) -> None:
        tx.requests.insert([one], ["{}"])
        raise Boom

    with pytest.raises(Boom):
        store.write(work)
    assert store.read(lambda tx: tx.requests.get(one.request_id)) is None
    store_requests(store, [one])


def test_many_rows_are_written_by_one_statement(store: SqlStore) -> None:
    rows: list[int] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        if sql.startswith("INSERT"):
            rows.append(sql.partition(" VALUES ")[2].count("(?"))

    store_requests(store, [request() for _ in range(3)])
    assert rows == [3, 3]  # the requests and their content


def test_what_waits_for_the_commit_waits_for_it(store: SqlStore) -> None:
    done: list[str] = []

    def fail(tx: SqlTransaction) -> None:
        tx.after_commit(lambda: done.append("never"))
        raise Boom

    def work(tx: SqlTransaction) -> None:
        tx.after_commit(lambda: done.append("committed"))
        assert done == []

    with pytest.raises(Boom):
        store.write(fail)
    store.write(work)
    assert done == ["committed"]


def test_what_fails_after_the_commit_leaves_it_a_success(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    one = request()
    done: list[str] = []

    def fail() -> None:
        raise Boom("of a policyholder")

    def work(tx: SqlTransaction) -> str:
        tx.requests.insert([one], ["{}"])
        tx.after_commit(fail)
        tx.after_commit(lambda: done.append("the next"))
        return "result"

    assert store.write(work) == "result"
    assert done == ["the next"]
    assert store.read(lambda tx: tx.requests.get(one.request_id)) == one
    (record,) = caplog.records
    assert vars(record)["error.type"] == "Boom"
    assert "policyholder" not in caplog.text


def test_what_a_refused_run_of_the_work_left_to_the_commit_is_forgotten(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "is_worth_repeating", lambda _: True)
    runs: list[int] = []
    done: list[int] = []

    def work(tx: SqlTransaction) -> None:
        number = len(runs)
        runs.append(number)
        tx.after_commit(lambda: done.append(number))
        if number == 0:
            raise DBAPIError("UPDATE", None, Exception("deadlock"))

    SqlStore(store._engine, lambda _: None).write(work)
    assert (runs, done) == ([0, 1], [1])


@pytest.mark.sqlite_only("a directory is no server")
def test_a_directory_is_no_database(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}")
    for use in (
        lambda: store.read(lambda tx: tx.pauses.all()),
        lambda: store.write(lambda tx: tx.job_runs.last()),
        store.is_migrated,
        store.migrate,
    ):
        with pytest.raises(DatabaseUnavailable):
            use()


def test_without_a_schema_the_database_cannot_be_used(empty_database_url: str) -> None:
    store = open_store(empty_database_url)
    assert not store.is_migrated()
    with pytest.raises(DatabaseUnavailable):
        store.read(lambda tx: tx.pauses.all())
    store.close()


def test_a_lock_that_lasts_makes_the_database_unavailable_for_writes_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_SQLITE_BUSY_SECONDS", 0.1)
    monkeypatch.setattr(sql_server, "LOCK_TIMEOUT_MILLISECONDS", 100)
    store, other = open_store(database_url), create_engine(database_url)
    one = request("LOCKED")
    with other.connect() as connection, connection.begin() as transaction:
        # SQLite: the one write lock. SQL Server: the key, which no other row may have.
        RequestsTable(connection).insert([one], ["{}"])
        with pytest.raises(DatabaseUnavailable) as caught:
            store_requests(store, [request("LOCKED")])
        assert "INSERT" not in str(caught.value)
        assert store.read(lambda tx: tx.pauses.all()) == {}
        # Asking for the schema must not take a lock: commands start while somebody writes.
        assert store.is_migrated()
        transaction.rollback()
    store_requests(store, [request("LOCKED")])
    store.close()
    other.dispose()


@pytest.mark.sqlite_only("a server has many writers at a time")
def test_threads_that_write_take_turns_before_they_ask_sqlite(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def while_another_writes(_tx: SqlTransaction) -> None:
        with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseUnavailable):
            pool.submit(store_requests, store, [request()]).result()

    monkeypatch.setattr(engines, "_SQLITE_BUSY_SECONDS", 0.05)
    connections: list[object] = []
    event.listen(store._engine, "checkout", lambda *taken: connections.append(taken))
    store.write(while_another_writes)
    assert len(connections) == 1
    store_requests(store, [request()])


@pytest.mark.sqlite_only("on SQL Server each statement sees its own moment")
def test_a_reader_sees_one_moment(store: SqlStore) -> None:
    """A write between two reads of one transaction is not seen by the second."""

    def work(tx: SqlTransaction) -> tuple[bool, bool]:
        before = tx.requests.get(one.request_id) is None
        store_requests(store, [one])
        return before, tx.requests.get(one.request_id) is None

    one = request()
    assert store.read(work) == (True, True)
