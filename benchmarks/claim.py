"""Taking the next work from tables of every size, and from a long queue.

The databases take turns, claim by claim. What a claim takes is put back before the next one:
each finds the same database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, bindparam, select, update

from benchmarks.databases import MEDIUM, QUICK_SIZES, SIZES, all_is_due, database
from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.rounds import alternated, in_a_process, timed
from shared.composition import open_store
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.timing import after
from shared.store.database import SqlStore
from shared.store.tables import batches, document_requests

CLAIMS = 100
BACKLOG = 500_000
RECEIVED, SUBMITTED = RequestStatus.RECEIVED, BatchState.SUBMITTED


@dataclass(frozen=True, slots=True)
class _Queue:
    """Something that is claimed."""

    state: Column[Any]
    value: str
    limit: int
    claim: Callable[[Any, datetime], Sequence[Any]]


REQUESTS = "claim of 100 requests"
QUEUES = {
    REQUESTS: _Queue(
        document_requests.c.status,
        RECEIVED.value,
        100,
        lambda tx, now: tx.claimed.take(RECEIVED, uuid4(), now, after(now, 120), 100),
    ),
    "claim of 16 batches to poll": _Queue(
        batches.c.state,
        SUBMITTED.value,
        16,
        lambda tx, now: tx.batches.claim(SUBMITTED, uuid4(), now, after(now, 120), 16),
    ),
}


def claims(databases: Mapping[str, tuple[Path, datetime]]) -> dict[str, dict[str, float]]:
    """Claim what is due first in each database; medians in milliseconds, with the commit."""
    with ExitStack() as stack:
        stores: dict[str, tuple[SqlStore, datetime]] = {}
        for name, (path, now) in databases.items():
            stores[name] = open_store(f"sqlite:///{path}"), now
            stack.callback(stores[name][0].close)
        found: dict[str, dict[str, float]] = {}
        for what, queue in QUEUES.items():
            print(f"  {what}, {CLAIMS} times", flush=True)
            steps = {name: _step(store, queue, now) for name, (store, now) in stores.items()}
            found[what] = alternated(steps, CLAIMS)
        return found


def _step(store: SqlStore, queue: _Queue, now: datetime) -> Callable[[], float]:
    put_back = _put_back(store, queue)

    def step() -> float:
        with timed() as took:
            claimed = store.write(lambda tx: queue.claim(tx, now))
        assert len(claimed) == queue.limit
        put_back()
        return took.seconds * 1000

    return step


def _put_back(store: SqlStore, queue: _Queue) -> Callable[[], None]:
    """Return what makes the rows that are due first what they are now."""
    table, engine = queue.state.table, store._engine
    (key,) = table.primary_key
    changed = [table.c[name] for name in ("due_at", "lease_owner", "updated_at", "version")]
    changed.append(queue.state)
    first = select(key.label("id_of_row"), *changed).where(queue.state == queue.value)
    with engine.begin() as connection:
        found = connection.execute(first.order_by(table.c.due_at).limit(queue.limit))
        rows = [dict(row) for row in found.mappings()]
    values = {column.name: bindparam(column.name) for column in changed}
    statement = update(table).where(key == bindparam("id_of_row")).values(values)

    def put_back() -> None:
        with engine.begin() as connection:
            connection.execute(statement, rows)

    return put_back


def measure(sizes: Sequence[int] = SIZES, backlogs: Sequence[int] = (BACKLOG,)) -> Sequence[Figure]:
    databases = {f"{size:,} rows": (database(size), all_is_due(size)) for size in sizes}
    small, *larger = databases
    medium = f"{MEDIUM:,} rows"
    queues = {f"{medium}, {ready:,} ready": database(MEDIUM, ready) for ready in backlogs}
    databases |= {name: (path, all_is_due(MEDIUM)) for name, path in queues.items()}
    found = in_a_process(claims, databases)
    return [
        *(
            _figure(what, name, small, 1.5, milliseconds)
            for what, milliseconds in found.items()
            for name in larger
        ),
        *(_figure(REQUESTS, name, medium, 1.3, found[REQUESTS]) for name in queues),
    ]


def _figure(
    what: str, name: str, beside: str, limit: float, milliseconds: Mapping[str, float]
) -> Figure:
    return Figure(
        f"{what}, {name}",
        beside,
        milliseconds[name] / milliseconds[beside],
        at_most(limit),
        measured={f"{name}, ms": one for name, one in milliseconds.items()},
    )


BENCHMARK = Benchmark(
    "claim",
    "Taking the next work, whatever the tables hold",
    measure,
    is_quick=True,
    measure_quickly=partial(measure, QUICK_SIZES, ()),
)
