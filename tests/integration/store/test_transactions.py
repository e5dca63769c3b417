from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.composition import open_store
from shared.errors import DatabaseUnavailable
from shared.store import engine as engines
from shared.store.database import SqlStore, SqlTransaction
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


def test_without_a_schema_the_database_cannot_be_used(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/empty.db")
    assert not store.is_migrated()
    with pytest.raises(DatabaseUnavailable):
        store.read(lambda tx: tx.pauses.all())


@pytest.fixture
def impatient(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SqlStore, sqlite3.Connection]]:
    """A store that waits a moment only, and a connection that holds the write lock."""
    monkeypatch.setattr(engines, "_SQLITE_BUSY_SECONDS", 0.1)
    store = open_store(database_url)
    other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield store, other
    other.close()
    store.close()


def test_a_lock_that_lasts_makes_the_database_unavailable_for_writes_alone(
    impatient: tuple[SqlStore, sqlite3.Connection],
) -> None:
    store, other = impatient
    with pytest.raises(DatabaseUnavailable) as caught:
        store_requests(store, [request()])
    assert "INSERT" not in str(caught.value)
    assert store.read(lambda tx: tx.pauses.all()) == {}
    # Asking for the schema must not take the write lock: commands start while somebody writes.
    assert store.is_migrated()
    other.execute("ROLLBACK")
    store_requests(store, [request()])


def test_a_reader_sees_one_moment(store: SqlStore) -> None:
    """A write between two reads of one transaction is not seen by the second."""

    def work(tx: SqlTransaction) -> tuple[bool, bool]:
        before = tx.requests.get(one.request_id) is None
        store_requests(store, [one])
        return before, tx.requests.get(one.request_id) is None

    one = request()
    assert store.read(work) == (True, True)
