"""Pictures of what is on record, for docs/performance.md: `make bench` draws them.

Needs matplotlib, which nothing else does: `uv run` fetches it for this alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks import record

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PRODUCT, PEER = "#1f5fbf", "#9aa7b5"
PER_SECOND = ", documents/s"
OF_ROWS = " rows, ms"

# The same record gives the same file.
mpl.rcParams["svg.hashsalt"] = "oms"
mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = False


def main() -> None:
    found = record.load()
    rates = {
        name.removesuffix(PER_SECOND): value
        # Of one run: the rates of two cannot be compared.
        for figure in found.get("peers", {}).get("figures", [])
        for name, value in figure["measured"].items()
    }
    if rates:
        _bars(rates)
    growth = {
        figure["what"].partition(", ")[0]: _by_rows(figure["measured"])
        for benchmark in ("idle", "claim")
        for figure in found.get(benchmark, {}).get("figures", [])
        if len(_by_rows(figure["measured"])) > 1
    }
    if growth:
        _lines(growth)


def _by_rows(measured: Mapping[str, float]) -> dict[int, float]:
    """Return milliseconds by the number of rows."""
    return {
        int(name.removesuffix(OF_ROWS).replace(",", "")): value
        for name, value in measured.items()
        if name.endswith(OF_ROWS)
    }


def _bars(rates: Mapping[str, float]) -> None:
    names = sorted(rates, key=lambda name: rates[name])
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(names) + 0.9), layout="constrained")
    colours = [PRODUCT if name.startswith("product") else PEER for name in names]
    bars = axes.barh(names, [rates[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xlabel("documents a second, one in a batch, calls of 50 ms")
    _save(figure, "drain.svg")


def _lines(growth: Mapping[str, Mapping[int, float]]) -> None:
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for name, by_rows in growth.items():
        axes.plot(list(by_rows), list(by_rows.values()), marker="o", label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("requests in the database")
    axes.set_ylabel("milliseconds")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    _save(figure, "growth.svg")


def _save(figure: Any, name: str) -> None:
    figure.savefig(IMAGES / name, metadata={"Date": None})
    plt.close(figure)
    print(f"docs/images/{name}")


if __name__ == "__main__":
    main()
