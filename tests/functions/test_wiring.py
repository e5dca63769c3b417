from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.functions.settings import sample, settings
from tests.functions.worker import (
    ROOT,
    Declaration,
    Load,
    LoadedFunction,
    LoadFailed,
    declared_functions,
)

FUNCTIONS = [function.name for function in declared_functions()]
TIMERS = {
    "ProcessingTimer": "%PROCESSING_SCHEDULE%",
    "MonitoringTimer": "%MONITORING_SCHEDULE%",
}

each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_timer = pytest.mark.parametrize("name", TIMERS)


def test_the_host_finds_all_functions() -> None:
    assert {"DocumentRequestApi", "OperatorConsole", *TIMERS} <= set(FUNCTIONS)


@each_function
def test_a_function_resolves_from_its_function_json(load: Load, tmp_path: Path, name: str) -> None:
    function = load(name, settings(tmp_path / "none.db"))
    assert function.module.__file__ == str(Declaration.of(name).script)


@each_function
def test_loading_a_function_neither_calls_nor_opens_anything(
    load: Load, tmp_path: Path, name: str
) -> None:
    load(name, settings(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


@each_function
def test_a_missing_setting_is_named_by_the_failed_load(
    load: Load, tmp_path: Path, name: str
) -> None:
    with pytest.raises(LoadFailed, match="SettingsError: OMS_THUNDERHEAD_TOKEN_URL: required"):
        load(name, settings(tmp_path / "none.db", thunderhead_token_url=""))


@each_function
def test_a_function_folder_holds_at_most_fifty_lines_of_code(name: str) -> None:
    for path in (ROOT / name).glob("*.py"):
        assert len(path.read_text().splitlines()) <= 50


@each_timer
def test_a_schedule_comes_from_the_settings(name: str) -> None:
    trigger = Declaration.of(name).trigger
    assert trigger["type"] == "timerTrigger"
    assert trigger["schedule"] == TIMERS[name]
    assert len(sample()[TIMERS[name].strip("%")].split()) == 6


@each_timer
def test_a_timer_fires_at_its_times_only_and_knows_the_last(name: str) -> None:
    trigger = Declaration.of(name).trigger
    assert trigger["runOnStartup"] is False
    assert trigger["useMonitor"] is True


def test_every_path_reaches_the_api_as_it_was_sent() -> None:
    host = json.loads((ROOT / "host.json").read_bytes())
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert Declaration.of("DocumentRequestApi").trigger["route"] == "{*route}"


def test_the_host_lets_every_method_of_the_api_through(api: LoadedFunction) -> None:
    described = api.http("GET", "/openapi.json").json()
    methods = {method for path in described["paths"].values() for method in path}
    # Those that no path knows too: their refusal is a problem document, which the host's is not.
    refused = {"head", "options", "put", "patch", "delete"}
    assert methods | refused <= set(Declaration.of("DocumentRequestApi").trigger["methods"])
