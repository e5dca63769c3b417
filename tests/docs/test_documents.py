from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from local import settings_table
from shared.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PLACES = ("*.md", "docs/**/*.md", "infra/*.md", "observability/*.md")
DOCUMENTS = sorted(path for place in PLACES for path in ROOT.glob(place))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("document", settings_table.DOCUMENTS, ids=lambda path: path.name)
def test_the_table_of_settings_is_that_of_the_code(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert settings_table.with_table(text) == text, "run `make docs`"


def test_every_setting_is_in_the_table() -> None:
    table = settings_table.table()
    for name in Settings.model_fields:
        assert f"`OMS_{name.upper()}`" in table


def test_the_sample_settings_are_settings_and_hold_all_that_are_required() -> None:
    values = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    known = {f"OMS_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in values if name.startswith("OMS_")} <= known
    required = {
        f"OMS_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if field.is_required()
    }
    assert required | {name for name, _ in settings_table.SCHEDULES} <= set(values)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "#")):
            path, _, anchor = target.partition("#")
            found = (document.parent / path).resolve()
            assert found.exists(), target
            if anchor:
                assert anchor in anchors(found), target


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8"))
        assert set(named) <= targets, document


def test_every_folder_of_the_layout_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in ("DocumentRequestApi", "ProcessingTimer", "MonitoringTimer", "infra", "local"):
        assert (ROOT / folder).is_dir()
        assert f"| `{folder}/`" in readme


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "README.md").read_text(encoding="utf-8")
    for page in decisions.glob("0*.md"):
        assert f"({page.name})" in index
