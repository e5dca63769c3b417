from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.composition import open_store
from shared.store.database import SqlStore
from tests.integration.clocks import TestClock
from tests.integration.databases import SERVER_URL, database_on, migrate, migrated_databases


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file at the newest schema, to be copied: migrating each time takes longer."""
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def server_databases() -> Iterator[Iterator[str]]:
    """A database on the server for each test."""
    with closing(migrated_databases(SERVER_URL or "")) as databases:
        yield databases


@pytest.fixture
def empty_database_url(tmp_path: Path) -> Iterator[str]:
    """A database without a schema."""
    if SERVER_URL:
        with database_on(SERVER_URL) as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path}/empty.db"


@pytest.fixture
def database_url(migrated_file: Path, server_databases: Iterator[str], tmp_path: Path) -> str:
    """A database at the newest schema, for one test alone."""
    if SERVER_URL:
        return next(server_databases)
    path = shutil.copy(migrated_file, tmp_path / "oms.db")
    return f"sqlite:///{path}"


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()
