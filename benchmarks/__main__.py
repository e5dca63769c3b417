"""Measures the product: `make bench`, `make bench-quick`, or `python -m benchmarks NAME …`.

Each figure is a ratio of two measurements that took turns in the same run. They are kept in
results.json, from which the table of docs/performance.md is made.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module

from benchmarks import record
from benchmarks.figures import Benchmark, Figure

MODULES = (
    "drain",
    "overlap",
    "latency",
    "polls",
    "outbox",
    "memory",
    "intake",
    "cold_start",
    "counts",
    "idle",
    "claim",
    "console",
    "peers",
)
"""Those that have a BENCHMARK, in the order in which they are measured."""


def main() -> int:
    """Measure what was asked for; 1 if a figure is not within its reach."""
    benchmarks = {one.name: one for one in map(_benchmark, MODULES)}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(benchmarks)}")
    parser.add_argument("--quick", action="store_true", help="only what has little noise")
    parser.add_argument("--keep", action="store_true", help="put the figures on record")
    options = parser.parse_args()
    if unknown := set(options.names) - set(benchmarks):
        parser.error(f"there is no benchmark named {', '.join(sorted(unknown))}")
    wanted = [
        one
        for one in benchmarks.values()
        if (one.name in options.names if options.names else not one.is_apart)
        and (one.is_quick or not options.quick)
    ]
    missed = 0
    for benchmark in wanted:
        print(f"\n== {benchmark.title}", flush=True)
        began = time.perf_counter()
        quickly = benchmark.measure_quickly if options.quick else None
        figures = (quickly or benchmark.measure)()
        for figure in figures:
            _show(figure)
            missed += not figure.is_met
        print(f"  ({benchmark.name}: {time.perf_counter() - began:.0f} s)", flush=True)
        if options.keep:
            record.keep(benchmark, figures)
    if options.keep:
        text = record.DOCUMENT.read_text(encoding="utf-8")
        record.DOCUMENT.write_text(record.with_table(text, record.load()), encoding="utf-8")
    print(f"\n{missed} of the figures are not within their reach." if missed else "\nAll met.")
    return 1 if missed else 0


def _benchmark(module: str) -> Benchmark:
    found: Benchmark = import_module(f"benchmarks.{module}").BENCHMARK
    return found


def _show(figure: Figure) -> None:
    mark = " " if figure.reach is None else "✓" if figure.is_met else "✗"
    what = f"{figure.what} / {figure.beside}" if figure.beside else figure.what
    value = record.shown(figure.value, figure.unit)
    print(f"  {mark} {what:<76} {value:>10}   {record.shown_reach(figure)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
