from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.__main__ import main

ENVIRONMENT = {
    "OMS_ENVIRONMENT": "local",
    "OMS_REFERENCE_DATA_BASE_URL": "http://127.0.0.1:1",
    "OMS_THUNDERHEAD_BASE_URL": "http://127.0.0.1:1",
    "OMS_THUNDERHEAD_AUTH": "none",
    "OMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "OMS_KAFKA_SECURITY": "plaintext",
    "OMS_API_AUTH": "none",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.upper().startswith("OMS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMS_DATABASE_URL", f"sqlite:///{tmp_path}/oms.db")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    on_term = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, on_term)
    root.handlers[:] = handlers
    root.setLevel(level)


def one_line(text: str) -> str:
    [line] = text.splitlines()
    return line


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["process", "--forever"], ["serve", "--port", "x"]]
)
def test_wrong_arguments_end_with_2(arguments: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m shared" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["migrate", "serve", "process", "monitor"])
def test_help_says_what_a_command_does(command: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize("command", ["migrate", "serve", "process", "monitor"])
def test_a_missing_setting_is_one_line_and_2(
    command: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMS_ENVIRONMENT")
    assert main([command]) == 2
    captured = capsys.readouterr()
    assert one_line(captured.err) == "OMS_ENVIRONMENT: required"
    assert captured.out == ""


REQUIRED = (
    "OMS_ENVIRONMENT",
    "OMS_REFERENCE_DATA_BASE_URL",
    "OMS_THUNDERHEAD_BASE_URL",
    "OMS_KAFKA_BOOTSTRAP_SERVERS",
    "OMS_API_AUTH",
)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_setting_is_named(
    name: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    assert main(["process"]) == 2
    assert one_line(capsys.readouterr().err) == f"{name}: required"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMS_LEASE_SECONDS", "1"),
        ("OMS_EVENTS_ALLOWED_TOPICS", "not JSON"),
        ("OMS_THUNDERHEAD_BASE_URL", "ftp://x"),
        ("OMS_ENVIRONMENT", "Not A Name"),
        ("OMS_DATABASE_URL", "postgresql://x"),
        ("OMS_DATABASE_URL", "sqlite:"),
        ("OMS_DATABASE_URL", "sqlite:no-slashes"),
        ("OMS_DATABASE_URL", "sqlite://host/path"),
        ("OMS_DATABASE_URL", "sqlite+nothing:///x.db"),
        ("OMS_DATABASE_URL", "mssql+pyodbc://host:port/x"),
    ],
)
def test_a_wrong_setting_is_named(
    name: str, value: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["process"]) == 2
    assert one_line(capsys.readouterr().err).startswith(f"{name}: ")


@pytest.mark.parametrize("command", ["serve", "process", "monitor"])
def test_a_database_without_a_schema_is_one_line_and_2(command: str, capsys: Any) -> None:
    assert main([command]) == 2
    captured = capsys.readouterr()
    assert one_line(captured.err).startswith("OMS_DATABASE_URL: no schema yet")
    assert captured.out == ""


@pytest.mark.parametrize("command", ["migrate", "process", "monitor"])
def test_a_database_that_cannot_be_reached_is_one_line_and_2(
    command: str, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMS_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/hunter2.db")
    assert main([command]) == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith("OMS_DATABASE_URL: ")
    assert "hunter2" not in line


@pytest.mark.parametrize("command", ["migrate", "process"])
@pytest.mark.parametrize("url", ["sqlite:oms.db", "mssql+pyodbc:hunter2", "sqlite://host/oms.db"])
def test_a_database_url_that_is_none_is_one_line_and_2(
    command: str, url: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMS_DATABASE_URL", url)
    assert main([command]) == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith("OMS_DATABASE_URL: ")
    assert "hunter2" not in line


def test_migrating_needs_only_the_database_and_may_be_repeated(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ENVIRONMENT.keys() - {"OMS_ENVIRONMENT"}:
        monkeypatch.delenv(name)
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out.startswith("schema none -> ")
    assert main(["migrate"]) == 0


@pytest.mark.parametrize("options", [[], ["--until-idle"]])
@pytest.mark.parametrize(("command", "job"), [("process", "processing"), ("monitor", "monitoring")])
def test_a_run_with_nothing_to_do_ends_with_0_and_its_summary(
    command: str, job: str, options: list[str], capsys: Any
) -> None:
    assert main(["migrate"]) == 0
    assert main([command, *options]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary.keys() >= {
        "claimed",
        "submitted",
        "completed",
        "failed",
        "retried",
        "held",
        "published",
        "seconds",
    }
    assert summary["job"] == job
    assert summary["claimed"] == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "oms.example"])
def test_without_authentication_only_this_machine_is_served(host: str, capsys: Any) -> None:
    assert main(["serve", "--host", host]) == 2
    assert one_line(capsys.readouterr().err).startswith("OMS_API_AUTH: ")


ENTRA = {
    "OMS_API_AUTH": "entra",
    "OMS_API_ISSUER": "http://127.0.0.1:1",
    "OMS_API_AUDIENCE": "api://oms",
    "OMS_API_ROLE": "role",
    "OMS_API_CALLERS": '{"one": ["*"]}',
}


def test_with_authentication_any_host_is_served(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENTRA.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "python -m shared migrate" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("value", [None, "", "false", "1", "yes", "True-ish"])
def test_the_platform_is_trusted_only_where_it_authenticates(
    value: str | None, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in (ENTRA | {"OMS_API_AUTH": "platform"}).items():
        monkeypatch.setenv(name, setting)
    if value is not None:
        monkeypatch.setenv("WEBSITE_AUTH_ENABLED", value)
    assert main(["serve"]) == 2
    captured = capsys.readouterr()
    assert one_line(captured.err).startswith("WEBSITE_AUTH_ENABLED: ")
    assert captured.out == ""


def test_a_job_asks_no_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, setting in (ENTRA | {"OMS_API_AUTH": "platform"}).items():
        monkeypatch.setenv(name, setting)
    assert main(["migrate"]) == 0
    assert main(["process"]) == 0


# --- until idle -----------------------------------------------------------------------------


class FakeJob:
    def __init__(self, *claims: int) -> None:
        self.claims = list(claims)
        self.runs = 0

    def run(self) -> dict[str, Any]:
        self.runs += 1
        claimed = self.claims.pop(0)
        return {
            "job": "processing",
            "runId": str(self.runs),
            "claimed": claimed,
            "published": 0,
            "purged": 0,
            "seconds": 0.5,
        }


@pytest.mark.parametrize(("claims", "runs"), [([0], 1), ([3, 0], 2), ([3, 2, 1, 0], 4)])
def test_until_idle_repeats_until_a_run_finds_nothing(claims: list[int], runs: int) -> None:
    from shared.__main__ import _until_idle

    job = FakeJob(*claims)
    summary = _until_idle(job.run, job.run())
    assert job.runs == runs
    assert summary["claimed"] == sum(claims)
    assert summary["seconds"] == runs / 2
    assert summary["runId"] == str(runs)
