"""A short round, and what any round rests on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.chaos.plan import Plan, faults, outages
from tests.chaos.source_system import SourceSystem
from tests.integration.commands.processes import ROOT


@pytest.mark.integration
def test_a_short_round_keeps_every_promise() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seed=7", "--requests=150", "--seconds=6"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    first = ended.stdout.splitlines()[0]
    assert first == "seed 7: 150 requests, 6 s of chaos"
    assert "no document is generated twice" in ended.stdout


def test_the_seed_decides_what_is_posted_and_when() -> None:
    def timetable(seed: int) -> str:
        source_system = SourceSystem(Plan(seed, requests=50), "http://unused")
        entries = []
        while not source_system._queue.empty():
            entries.append(source_system._queue.get())
        return json.dumps(entries)

    assert timetable(1) == timetable(1)
    assert timetable(1) != timetable(2)


@pytest.mark.parametrize("seconds", [6.0, 150.0])
def test_outages_end_within_the_chaos_and_never_overlap(seconds: float) -> None:
    for seed in range(50):
        end = 0.0
        for begin, length in outages(Plan(seed, seconds=seconds), "broker"):
            assert begin >= end
            end = begin + length
        assert 0 < end <= seconds


def test_about_one_call_in_five_is_hit() -> None:
    for operation in ("submit", "poll", "documents", "lookup"):
        untouched = 1.0
        for fault in faults():
            if fault["operation"] == operation:
                untouched *= 1 - fault["probability"]
        assert untouched == pytest.approx(0.8, abs=0.03), operation
