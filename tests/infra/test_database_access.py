"""The statements that give identities their rights. Nothing here runs T-SQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from infra.hooks.database_access import Identity, statements
from tests.infra.bicep import INFRA, ROOT, read

RUNTIME = Identity("id-oms-run-x1", UUID("01234567-89ab-cdef-0123-456789abcdef"))
MIGRATION = Identity("id-oms-migrate-x1", UUID("fedcba98-7654-3210-fedc-ba9876543210"))
ALL = list(statements(RUNTIME, MIGRATION))


def test_the_sid_of_an_identity_is_its_client_id_as_the_server_stores_it() -> None:
    # uniqueidentifier: the first three groups are little-endian.
    assert RUNTIME.sid == "0x67452301AB89EFCD0123456789ABCDEF"


def test_what_runs_may_not_change_tables_or_rights() -> None:
    of_runtime = [one for one in ALL if f"[{RUNTIME.name}]" in one]
    assert [one for one in of_runtime if " ADD MEMBER " in one] == [
        f"ALTER ROLE [oms_runtime] ADD MEMBER [{RUNTIME.name}]"
    ]
    grants = [one for one in ALL if one.startswith("GRANT")]
    assert grants == ["GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::dbo TO [oms_runtime]"]
    dropped = re.findall(r"ALTER ROLE \[(\w+)\] DROP MEMBER", "\n".join(of_runtime))
    assert {"db_owner", "db_ddladmin"} <= set(dropped)


def test_what_migrates_owns_nothing() -> None:
    roles = re.findall(rf"ALTER ROLE \[(\w+)\] ADD MEMBER \[{MIGRATION.name}\]", "\n".join(ALL))
    assert roles == ["db_ddladmin", "db_datareader", "db_datawriter"]


def test_every_statement_may_be_repeated() -> None:
    for one in ALL:
        # Granting again and adding a member again change nothing; the others look first.
        assert one.startswith(("IF ", "GRANT ")) or " ADD MEMBER " in one, one


def test_an_identity_that_was_made_anew_replaces_the_old_user() -> None:
    drop = next(one for one in ALL if f"DROP USER [{RUNTIME.name}]" in one)
    create = next(one for one in ALL if f"CREATE USER [{RUNTIME.name}]" in one)
    assert f"sid <> {RUNTIME.sid}" in drop
    assert ALL.index(drop) < ALL.index(create)


@pytest.mark.parametrize("name", ["", "a]; DROP TABLE x --", "id'x", "id x", "x" * 200])
def test_a_name_that_no_identity_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        Identity(name, RUNTIME.client_id)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.hooks.database_access",
         "--runtime-name", RUNTIME.name, "--runtime-client-id", str(RUNTIME.client_id),
         "--migration-name", MIGRATION.name, "--migration-client-id", str(MIGRATION.client_id),
         *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def test_the_command_prints_what_it_would_do() -> None:
    finished = run("--print")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ALL


def test_the_command_takes_no_other_database(tmp_path: Path) -> None:
    finished = run(OMS_ENVIRONMENT="prod", OMS_DATABASE_URL=f"sqlite:///{tmp_path}/x.db")
    assert finished.returncode == 2
    assert finished.stderr.strip() == "OMS_DATABASE_URL: must begin with mssql+pyodbc:"


def test_the_hook_uses_what_the_templates_output() -> None:
    hook = (INFRA / "hooks" / "postprovision.sh").read_text()
    outputs = set(read(INFRA / "main.bicep").outputs)
    named = set(re.findall(r"\$(OMS_\w+|AZURE_\w+)", hook)) | {"OMS_DATABASE_URL"}
    assert named <= outputs | {"AZURE_ENV_NAME"}
    assert os.access(INFRA / "hooks" / "postprovision.sh", os.X_OK)
    assert (
        subprocess.run(["bash", "-n", INFRA / "hooks" / "postprovision.sh"], check=False).returncode
        == 0
    )


def test_the_hook_can_leave_the_database_alone() -> None:
    finished = subprocess.run(
        [INFRA / "hooks" / "postprovision.sh"], env=os.environ | {"OMS_SKIP_DATABASE": "true"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert finished.returncode == 0
    assert "neither users nor schema" in finished.stdout
