from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import reference_data as reference_data_simulator
from local.broker import MockBroker
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions
from local.thunderhead import create_app as create_thunderhead
from shared import composition
from tests.functions.cold_start import COLD_STARTS, table
from tests.functions.peers import TOPIC, Peers
from tests.functions.settings import settings
from tests.functions.worker import Load, LoadedFunction, Worker


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was measured. It is information: machines differ too much to assert it."""
    if cold_starts := config.stash.get(COLD_STARTS, None):
        terminalreporter.section("cold start of the functions", sep="-")
        for line in table(cold_starts):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One worker for the whole run: the runtime library keeps its state in its modules."""
    with Worker() as started:
        yield started


@pytest.fixture
def load(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads a function with these settings in the environment, and closes what it opened.

    A worker process ends without closing anything; in one process, many would pile up.
    """
    systems: list[composition.System] = []
    compose = composition.compose

    def recording(*args: Any, **kwargs: Any) -> composition.System:
        systems.append(compose(*args, **kwargs))
        return systems[-1]

    monkeypatch.setattr(composition, "compose", recording)

    def load(name: str, environment: Mapping[str, str]) -> LoadedFunction:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        return worker.load(name)

    yield load
    for system in systems:
        system.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file at the newest schema, to be copied: migrating each time takes longer."""
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    store = composition.open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "oms.db"
    shutil.copy(migrated_file, path)
    return path


@pytest.fixture(scope="session")
def reference_data() -> Iterator[ServerThread]:
    with ServerThread(reference_data_simulator.create_app()) as server:
        yield server


@pytest.fixture
def peers(reference_data: ServerThread, database: Path) -> Iterator[Peers]:
    """Thunderhead answers as late as a near neighbour, so that runs overlap."""
    options = ThunderheadOptions(
        authentication="oauth2", generation_seconds=(0.0, 0.0), latency_seconds=0.05
    )
    with (
        ServerThread(create_thunderhead(options)) as thunderhead,
        MockBroker([TOPIC]) as broker,
    ):
        yield Peers(
            thunderhead,
            broker,
            settings(
                database,
                reference_data=reference_data.url,
                thunderhead=thunderhead.url,
                kafka=broker.bootstrap_servers,
                # Many small batches, one call at a time: no run can take everything at once.
                max_documents_per_batch=2,
                http_concurrency=1,
            ),
        )


@pytest.fixture
def api(load: Load, database: Path, reference_data: ServerThread) -> LoadedFunction:
    """The HTTP function, of which no call has been made yet."""
    return load("DocumentRequestApi", settings(database, reference_data=reference_data.url))
