"""The record of what was measured (results.json), and the table made of it."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Benchmark, Bound, Figure, Reach

RECORD = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->\n", "<!-- end of figures -->"


def load(path: Path = RECORD) -> dict[str, Any]:
    """Return what has been measured so far, by the name of the benchmark."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(benchmark: Benchmark, figures: Sequence[Figure], path: Path = RECORD) -> None:
    """Replace what is on record for a benchmark."""
    record = load(path)
    record[benchmark.name] = {
        "title": benchmark.title,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(
        json.dumps(dict(sorted(record.items())), indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


def table(record: dict[str, Any]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| measure | beside it | figure | reach | |", "|---|---|---|---|---|"]
    for entry in record.values():
        lines.append(f"| **{entry['title']}** | | | | |")
        for figure in map(_figure, entry["figures"]):
            reach = shown_reach(figure)
            met = "" if figure.reach is None else "yes" if figure.is_met else "**no**"
            lines.append(
                f"| {figure.what} | {figure.beside} | {shown(figure.value, figure.unit)} "
                f"| {reach} | {met} |"
            )
    return "\n".join(lines) + "\n"


def with_table(text: str, record: dict[str, Any]) -> str:
    """Return a document with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(record)}{END}{after}"


def shown(value: float, unit: str) -> str:
    """Write a value to three digits that count."""
    digits = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def shown_reach(figure: Figure) -> str:
    reach = figure.reach
    return f"{reach.bound} {shown(reach.limit, figure.unit)}" if reach else ""


def _figure(values: dict[str, Any]) -> Figure:
    reach = values["reach"]
    return Figure(
        **{**values, "reach": Reach(Bound(reach["bound"]), reach["limit"]) if reach else None}
    )
