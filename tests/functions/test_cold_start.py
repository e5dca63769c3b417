from __future__ import annotations

from pathlib import Path

import pytest

from tests.functions.cold_start import COLD_STARTS, RUNS, ColdStart, ColdStarts, measure
from tests.functions.settings import settings
from tests.functions.worker import declared_functions

WEB_FRAMEWORKS = {"fastapi", "jinja2", "starlette", "uvicorn"}


@pytest.fixture(scope="module")
def cold_starts(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> ColdStarts:
    no_database: Path = tmp_path_factory.mktemp("cold") / "none.db"
    measured: dict[str, list[ColdStart]] = {f.name: [] for f in declared_functions()}
    for _ in range(RUNS):  # in turn: a busy moment of the machine should not hit one function alone
        for name, starts in measured.items():
            starts.append(measure(name, settings(no_database)))
    pytestconfig.stash[COLD_STARTS] = measured
    assert not no_database.exists(), "loading a function opened the database"
    return measured


def test_a_worker_started_in_advance_can_load_every_function(cold_starts: ColdStarts) -> None:
    assert {"DocumentRequestApi", "ProcessingTimer", "MonitoringTimer"} <= set(cold_starts)


@pytest.mark.parametrize("name", ["ProcessingTimer", "MonitoringTimer"])
def test_a_timer_loads_no_web_framework(cold_starts: ColdStarts, name: str) -> None:
    for start in cold_starts[name]:
        assert not start.packages & WEB_FRAMEWORKS


@pytest.mark.parametrize(
    "name", ["DocumentRequestApi", "OperatorConsole", "ProcessingTimer", "MonitoringTimer"]
)
def test_a_function_loads_nothing_of_the_local_stack(cold_starts: ColdStarts, name: str) -> None:
    for start in cold_starts[name]:
        assert not start.packages & {"local", "aiohttp"}
