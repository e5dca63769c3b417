"""Break what keeps each promise, one place at a time, and see a named test fail.

Works in copies of the repository in a temporary directory; the working tree stays as it is.
Exit 0 if every breakage was caught and every test passes without one.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.sabotage.breakage import Breakage
from tests.sabotage.breakages import BREAKAGES

ROOT = Path(__file__).parents[2]
COPIED = ("shared", "local", "tests", "docs", "pyproject.toml", "README.md", "host.json")
SECONDS = 180
PASSED, FAILED = 0, 1
"""Exit codes of pytest; any other means that it could not run the test."""


@dataclass(frozen=True)
class Verdict:
    """What became of a breakage."""

    breakage: Breakage
    is_caught: bool
    complaint: str = ""


def main() -> int:
    """Run the breakages whose name holds what was asked for, or all."""
    parser = argparse.ArgumentParser(prog="make sabotage", description=__doc__)
    parser.add_argument("--only", default="", help="breakages whose name holds this")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = [one for one in BREAKAGES if options.only in one.name]
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="oms-sabotage-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(options.workers):
            copies.put(_copy(Path(folder) / str(number)))
        console.print(f"{len(chosen)} breakages; first their tests without any")
        tests = sorted({one.test for one in chosen})
        healthy = _pytest(copies.queue[0], *tests)
        if healthy.returncode != PASSED:
            console.print(healthy.stdout, markup=False)
            return 1
        verdicts = _carry_out(chosen, copies, options.workers, lambda v: _show(console, v))
    survivors = [verdict for verdict in verdicts if not verdict.is_caught]
    for verdict in survivors:
        console.print(f"\n{verdict.breakage.name}\n{verdict.complaint}", markup=False)
    console.print(f"{len(chosen) - len(survivors)} of {len(chosen)} breakages were caught")
    return 1 if survivors else 0


def _carry_out(
    chosen: list[Breakage],
    copies: queue.Queue[Path],
    workers: int,
    show: Callable[[Verdict], None],
) -> list[Verdict]:
    verdicts = []
    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(_try, one, copies) for one in chosen]):
            verdicts.append(future.result())
            show(verdicts[-1])
    return verdicts


def _try(breakage: Breakage, copies: queue.Queue[Path]) -> Verdict:
    """Break one place in a copy, run the test, and mend the place again."""
    copy = copies.get()
    target = copy / breakage.file
    whole = target.read_text()
    try:
        if whole.count(breakage.old) != 1:
            return Verdict(breakage, False, f"{breakage.file} does not hold the place once")
        target.write_text(whole.replace(breakage.old, breakage.new))
        finished = _pytest(copy, breakage.test)
        return Verdict(breakage, finished.returncode == FAILED, finished.stdout[-3000:])
    finally:
        target.write_text(whole)
        copies.put(copy)


def _show(console: Console, verdict: Verdict) -> None:
    breakage = verdict.breakage
    mark = "[green]✔ caught[/]  " if verdict.is_caught else "[red]✘ survived[/]"
    console.print(f"{mark} {breakage.name}  [dim]{breakage.test.rpartition('::')[2]}[/]")


def _copy(folder: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
            )
        else:
            shutil.copy(source, target)
    return folder


def _pytest(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    # Without bytecode: a source of the same size, written in the same second, would not count.
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
