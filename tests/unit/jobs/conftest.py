from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from shared.store import migrations
from shared.store.database import SqlStore
from shared.store.engine import create_engine
from tests.unit.jobs.fakes import CountingIds, FakeReferenceData, StandingClock


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "oms.db"
    engine = create_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def engine(migrated_database: Path, tmp_path: Path) -> Iterator[Engine]:
    path = shutil.copy(migrated_database, tmp_path)
    engine = create_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    return SqlStore(engine, pause=lambda seconds: None)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def new_id() -> CountingIds:
    return CountingIds()


@pytest.fixture
def reference_data() -> FakeReferenceData:
    return FakeReferenceData()
