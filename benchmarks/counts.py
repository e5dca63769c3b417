"""What a thousand documents cost in whole numbers; a test holds them (test_counts.py)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict

from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.rounds import in_a_process
from tests.integration.clocks import TestClock
from tests.integration.databases import migrate
from tests.integration.jobs.counting import DOCUMENTS, Cost, Recording, costs_of_a_thousand, total
from tests.integration.jobs.world import start_world


def costs(recording: Recording) -> dict[str, Cost]:
    """Count, on a database of its own between the simulators."""
    with ExitStack() as stack:
        url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/oms.db"
        migrate(url)
        return costs_of_a_thousand(start_world(stack, TestClock(), url), recording)


def measure() -> Sequence[Figure]:
    figures: list[Figure] = []
    for recording in Recording:
        found = in_a_process(costs, recording)
        measured = {
            f"{step}, {what}": number
            for step, cost in found.items()
            for what, number in asdict(cost).items()
        }
        after_intake = total(found["processing"], found["monitoring"])
        figures.append(
            Figure(
                f"commits a document after intake, {recording.value}",
                "",
                after_intake.commits / DOCUMENTS,
                at_most(0.1),
                unit="",
                measured=measured,
            )
        )
        figures += [
            Figure(f"{what} in {step}, {recording.value}", "", number, unit="")
            for step, cost in found.items()
            for what, number in asdict(cost).items()
            if number and (recording is Recording.TOGETHER or step != "intake")
        ]
    return figures


BENCHMARK = Benchmark(
    "counts", "Counted for 1,000 documents, 50 in a batch", measure, is_quick=True
)
