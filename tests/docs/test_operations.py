"""What the documents for operators say is what there is: commands, settings, questions in SQL."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from local.settings_table import SCHEDULES
from shared.__main__ import main
from shared.composition import open_store
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("infra/*.md")])
RUNBOOKS = sorted(
    set((ROOT / "docs" / "runbooks").glob("*.md")) - {ROOT / "docs/runbooks/README.md"}
)
SECTIONS = [
    "What it means",
    "How bad",
    "Look at first",
    "Safe to do",
    "Never",
    "It is over when",
]


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", RUNBOOKS, ids=by_name)
def test_a_runbook_answers_the_same_questions(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == SECTIONS
    assert f"Alert `{page.stem}`" in page.read_text()
    assert f"({page.name})" in (page.parent / "README.md").read_text()


@pytest.mark.parametrize("page", RUNBOOKS, ids=by_name)
def test_the_questions_in_sql_run_on_the_schema_and_only_read(page: Path, tmp_path: Path) -> None:
    with contextlib.closing(open_store(f"sqlite:///{tmp_path}/oms.db")) as store:
        store.migrate()
    questions = re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL)
    with contextlib.closing(sqlite3.connect(tmp_path / "oms.db")) as connection:
        for question in questions:
            assert question.strip().startswith("SELECT")
            connection.execute(question).fetchall()


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_command_that_is_named_exists(document: Path) -> None:
    text = re.sub(r"\\\n\s*|\n\s*(?=--)", " ", document.read_text())
    for arguments in re.findall(r"python -m shared ([a-z][^`\n#]*)", text):
        words = arguments.split()
        command = [words[0]]
        if words[0] == "operations":
            command += [
                word for word in words[1:2] if re.fullmatch(r"[a-z-]+", word) and word[0] != "-"
            ]
        options = set(re.findall(r"--[a-z-]+", arguments)) - {"--help"}
        described = help_of(tuple(command))
        assert {option for option in options if option not in described} == set(), arguments


def help_of(command: tuple[str, ...]) -> str:
    """Return what `--help` of a command says; fails where there is no such command."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main([*command, "--help"])
    assert ended.value.code == 0, f"{command}: {said.getvalue()}"
    return said.getvalue()


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    known = {f"OMS_{name.upper()}" for name in Settings.model_fields}
    known |= {name for name, _ in SCHEDULES}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        path = ROOT / name
        if path.suffix not in (".md", ".lock") and path.is_file():
            known |= set(re.findall(r"\bOMS_[A-Z_]+", path.read_bytes().decode(errors="replace")))
    # `_SECRET` and the like after another name, and `OMS_…` for all of them, are no names.
    for document in DOCUMENTS:
        named = set(re.findall(r"\bOMS_[A-Z][A-Z_]*[A-Z]\b", document.read_text()))
        assert named - known == set(), document
