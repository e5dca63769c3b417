"""Pipelines: pinned actions, least rights, targets that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.bicep import INFRA, ROOT, read

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIPELINES = [*WORKFLOWS, ROOT / "azure-pipelines.yml"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(path: Path) -> None:
    for line in re.findall(r"uses: (.*)", path.read_text()):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, commit in re.findall(r"uses: (\S+)@(\w+)", path.read_text()):
            pins.setdefault(name, set()).add(commit)
    assert {name: commits for name, commits in pins.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_pipelines_are_yaml_and_their_targets_exist(path: Path) -> None:
    text = path.read_text()
    assert yaml.safe_load(text)
    code = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    for targets in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", code):
        assert set(targets.split()) <= TARGETS, targets


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_no_more_unless_a_job_logs_in(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"], name
        logs_in = any("azure/login" in step.get("uses", "") for step in job["steps"])
        wanted = {"contents": "read", "id-token": "write"} if logs_in else None
        assert job.get("permissions") == wanted, name


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_no_pipeline_needs_a_secret(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text
    # Text of others must not become a command: it comes in through the environment.
    for script in re.findall(r"run: \|\n((?:\s{10,}.*\n)+)", text):
        assert "${{ github.event" not in script
        assert "${{ inputs" not in script


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_variable_of_an_environment_chooses_a_runner(path: Path) -> None:
    """They can be read only on the runner: GitHub would take them for empty."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        assert set(re.findall(r"vars\.(\w+)", job["runs-on"])) <= {"OMS_RUNNERS"}


def test_the_database_is_migrated_before_the_code_that_needs_it() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"][
        "deploy"
    ]
    commands = [str(step.get("run", "")) for step in job["steps"]]
    order = [
        next(i for i, command in enumerate(commands) if part in command)
        for part in ("azd provision", "shared migrate", "azd deploy", "make smoke")
    ]
    assert order == sorted(order)


def test_the_schema_is_migrated_as_the_migration_identity() -> None:
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"][
        "deploy"
    ]["steps"]
    migrates = next(i for i, step in enumerate(steps) if "shared migrate" in step.get("run", ""))
    login = [step for step in steps[:migrates] if "azure/login" in step.get("uses", "")][-1]
    assert login["with"]["client-id"] == "${{ env.OMS_MIGRATION_CLIENT_ID }}"
    assert "OMS_MIGRATION_CLIENT_ID" in read(INFRA / "main.bicep").outputs


def test_azure_yaml_names_what_is_there() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    assert (ROOT / project["hooks"]["postprovision"]["posix"]["run"]).is_file()
    assert project["services"] == {
        "app": {"project": ".", "language": "python", "host": "function"}
    }


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert re.fullmatch(
        r"FROM python:3\.13\.\d+-slim-\w+", next(x for x in lines if x[:4] == "FROM")
    )
    user = max(i for i, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] == "USER 10001"
    assert user < next(i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    for source in re.findall(r"^COPY (.+) \S+$", "\n".join(lines), re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists()
            assert f"!{path}" in (ROOT / ".dockerignore").read_text()
