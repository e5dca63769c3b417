"""A wrong setting stops the start: exit code 2, and one line that names the variable.

As processes see it; every kind of wrong setting is in tests/unit/test_main.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.commands.processes import Environment, complaint_of, run

COMMANDS = ("serve", "process", "monitor")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_it_the_same_way(environment: Environment, command: str) -> None:
    environment["OMS_MAX_ATTEMPTS"] = "many"
    assert complaint_of(run(environment, command)).startswith("OMS_MAX_ATTEMPTS: ")


@pytest.mark.parametrize("command", ["migrate", "process"])
def test_a_database_without_a_default_is_required_outside_local(
    environment: Environment, command: str
) -> None:
    environment |= {"OMS_ENVIRONMENT": "test", "OMS_DATABASE_URL": ""}
    assert complaint_of(run(environment, command)) == "OMS_DATABASE_URL: required"


@pytest.mark.sqlite_only("a directory is no server")
@pytest.mark.parametrize("command", ["migrate", *COMMANDS])
def test_a_database_that_cannot_be_opened_is_named(
    environment: Environment, command: str, tmp_path: Path
) -> None:
    environment["OMS_DATABASE_URL"] = f"sqlite:///{tmp_path}"
    assert complaint_of(run(environment, command)).startswith("OMS_DATABASE_URL: ")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_without_schema_says_what_to_do(
    environment: Environment, command: str, empty_database_url: str
) -> None:
    environment["OMS_DATABASE_URL"] = empty_database_url
    complaint = complaint_of(run(environment, command))
    assert "python -m shared migrate" in complaint


@pytest.mark.sqlite_only("a server has no such file")
def test_a_file_that_is_no_database_is_named(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, whatever its name says\n" * 50)
    environment["OMS_DATABASE_URL"] = f"sqlite:///{tmp_path}/text.db"
    assert complaint_of(run(environment, "migrate")).startswith("OMS_DATABASE_URL: ")


def test_secrets_are_not_in_the_complaint(environment: Environment) -> None:
    environment["OMS_DATABASE_URL"] = "mysql://user:very-secret@host/x"
    assert "very-secret" not in complaint_of(run(environment, "process"))


def test_the_password_of_a_database_that_is_out_is_not_told(environment: Environment) -> None:
    address = "127.0.0.1:1/oms?driver=ODBC+Driver+18+for+SQL+Server"
    environment["OMS_DATABASE_URL"] = f"mssql+pyodbc://oms:very-secret@{address}"
    complaint = complaint_of(run(environment, "migrate"))
    assert complaint.startswith("OMS_DATABASE_URL: ")
    assert "very-secret" not in complaint


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_a_usage_error(environment: Environment, port: str) -> None:
    finished = run(environment, "serve", f"--port={port}")
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr


def test_without_authentication_only_loopback_is_served(environment: Environment) -> None:
    complaint = complaint_of(run(environment, "serve", "--host", "0.0.0.0"))
    assert complaint.startswith("OMS_API_AUTH: ")
