"""The breakages still fit the code and the documents; `make sabotage` carries them out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.sabotage.breakage import Breakage
from tests.sabotage.breakages import BREAKAGES

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "docs/promises.md").read_text()


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda one: one.name)
def test_it_names_one_place_and_one_test(breakage: Breakage) -> None:
    assert (ROOT / breakage.file).read_text().count(breakage.old) == 1
    path, _, name = breakage.test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {
        ""
    }
    assert breakage.name in PROMISES
    assert f"| {breakage.promise} |" in PROMISES


def test_every_promise_is_sabotaged() -> None:
    promised = {
        line.split("|")[1].strip()
        for line in PROMISES.partition("## The promises")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and not line.startswith(("| promise", "| ---"))
    }
    assert promised == {one.promise for one in BREAKAGES}
