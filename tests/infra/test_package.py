"""The package holds what the functions need, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local import package
from tests.infra.bicep import ROOT
from tests.infra.test_settings import environment

FUNCTIONS = {path.parent.name for path in ROOT.glob("*/function.json")}


def test_what_is_at_the_top_of_the_package() -> None:
    top = {path.parts[0] for path in package.files()}
    files = {"host.json", "requirements.txt", "constraints.txt", "LICENSE"}
    assert top == FUNCTIONS | files | {"shared"}


def test_nothing_of_a_developers_machine_is_in_it() -> None:
    names = [path.as_posix() for path in package.files()]
    for part in ("__pycache__", ".venv", ".db", ".env", "local.settings", "test_", ".pyc"):
        assert [name for name in names if part in name] == []


def test_whatever_python_loads_from_shared_is_in_it() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "shared", *sorted(FUNCTIONS)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {name for name in tracked if not name.endswith(".md")} <= {
        path.as_posix() for path in package.files()
    }


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("package")
    package.write(directory / "oms.zip")
    with zipfile.ZipFile(directory / "oms.zip") as archive:
        archive.extractall(directory / "wwwroot")
    return directory / "wwwroot"


def run(deployed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMS_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=deployed,
        env=inherited
        | environment("app")
        # The platform says the first by itself, where its sign-in is on.
        | {"WEBSITE_AUTH_ENABLED": "true", "OMS_DATABASE_URL": f"sqlite:///{deployed}/oms.db"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_functions_load_from_the_package_alone(deployed: Path) -> None:
    code = (
        "import importlib, sys; "
        f"modules = [importlib.import_module(name) for name in {sorted(FUNCTIONS)!r}]; "
        "print(sys.modules['shared'].__file__); "
        "assert all(callable(module.main) for module in modules)"
    )
    finished = run(deployed, "-c", code)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == str(deployed / "shared" / "__init__.py")
    for name in FUNCTIONS:
        json.loads((deployed / name / "function.json").read_text())


def test_migrations_run_from_the_package(deployed: Path) -> None:
    finished = run(deployed, "-m", "shared", "migrate")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("schema none -> ")


def test_what_is_built_there_has_the_tested_versions(deployed: Path) -> None:
    requirements = (deployed / "requirements.txt").read_text().splitlines()
    assert requirements[0] == "-c constraints.txt"
    assert (deployed / "constraints.txt").read_text() == (ROOT / "constraints.txt").read_text()


def test_the_same_files_make_the_same_package(tmp_path: Path) -> None:
    package.write(tmp_path / "a.zip")
    package.write(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
