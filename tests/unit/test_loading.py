from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = json.loads((ROOT / "local.settings.sample.json").read_bytes())["Values"]
COLLECTOR = """
import gc, sys
from importlib import import_module
{}
print(gc.isenabled(), gc.get_freeze_count() > len(gc.get_objects()))
"""
FAILURE = """
from shared.loading import without_garbage_collection
try:
    with without_garbage_collection():
        assert not gc.isenabled()
        raise ImportError
except ImportError:
    pass
"""


def collector_after(work: str) -> str:
    command = [sys.executable, "-c", COLLECTOR.format(work)]
    environment = os.environ | SETTINGS
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


@pytest.mark.parametrize(
    "function", ["DocumentRequestApi", "OperatorConsole", "ProcessingTimer", "MonitoringTimer"]
)
def test_the_collector_looks_at_what_comes_after_a_function_is_loaded(function: str) -> None:
    assert collector_after(f"import_module('{function}')") == "True True"


def test_it_does_so_after_a_failure() -> None:
    assert collector_after(FAILURE) == "True True"
