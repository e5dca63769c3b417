"""Databases of every size for the benchmarks that ask whether a cost grows with the tables.

They are built once in a run, in a temporary folder, or kept in the one that OMS_BENCH_DATABASES
names: ten million requests take minutes and 13 GB.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from benchmarks.filling import Filling, fill

FOLDER = "OMS_BENCH_DATABASES"
SMALL, MEDIUM, LARGE = SIZES = (10_000, 1_000_000, 10_000_000)
QUICK_SIZES = SIZES[:2]
READY = 5_000
"""Requests that wait for the processing job, in each of them."""

NOTHING_IS_DUE = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A time at which all that is open waits: the first of it is due a day later."""


def shape(requests: int, ready: int = READY) -> Filling:
    """Describe a database: so many requests, which came at the same pace whatever their number."""
    days = requests * 30 / MEDIUM
    return Filling(requests, ready, 4_000, days, waits_days=days + 1, is_lean=True)


def all_is_due(requests: int) -> datetime:
    """Return a time at which all that is open in a database is due."""
    return NOTHING_IS_DUE + timedelta(days=shape(requests).waits_days + 1)


def database(requests: int, ready: int = READY) -> Path:
    """Return the file of a database, which is built if it is not there yet."""
    path = _folder() / f"{requests}-{ready}.db"
    if not path.exists():
        print(f"Building {requests:,} requests, {ready:,} of them ready, in {path}", flush=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        fill(unfinished, shape(requests, ready), NOTHING_IS_DUE)
        unfinished.rename(path)
    return path


@cache
def _folder() -> Path:
    if kept := os.environ.get(FOLDER):
        Path(kept).mkdir(parents=True, exist_ok=True)
        return Path(kept)
    return Path(_temporary().name)


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    # It is removed when the process ends.
    return tempfile.TemporaryDirectory(prefix="oms-bench-")
