from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.fuzz.__main__ import attack


@pytest.mark.integration
def test_no_generated_call_breaks_the_description(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    code, tally = attack(10, seed=1, report=report)
    assert code == 0, "see the captured output; repeat it with `python -m tests.fuzz --seed 1`"
    assert ET.parse(report).getroot().get("failures") == "0"
    # That the attack reached what it is for: stored and replayed requests, refusals, guards.
    assert {200, 202, 207, 401, 404, 405, 409, 422} <= tally.answers.keys()
    assert tally.answers.total() >= 300
