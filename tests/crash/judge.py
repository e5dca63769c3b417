"""What must be true when all is over, as seen from outside: database, ledger and consumers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select

from shared.domain.timing import rfc3339
from shared.store.tables import document_requests, outbox, status_history

TERMINAL = ("COMPLETED", "FAILED")
TYPES = {f"oms.documentrequest.{status.lower()}.v1": status for status in TERMINAL}

Rows = Mapping[UUID, Any]
End = tuple[UUID, int, str]
"""A terminal transition: request, generation, status."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise, how often it was put to the test, and where it was broken."""

    promise: str
    tested: int
    offenders: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        return not self.offenders


def finding(promise: str, tested: int, offenders: Iterable[Any]) -> Finding:
    return Finding(promise, tested, tuple(sorted(map(str, offenders))))


def requests_of(engine: Engine) -> Rows:
    """Read every request of the database, by id."""
    with engine.connect() as connection:
        return {row.request_id: row for row in connection.execute(select(document_requests))}


def judge(
    engine: Engine,
    accepted: Collection[UUID],
    ledger: Mapping[str, Any],
    events: Collection[Mapping[str, Any]],
) -> None:
    """Hold the promises against what is left. Raises AssertionError with the offending ids."""
    found = findings(engine, accepted, ledger, events)
    broken = [f"{one.promise}: {one.offenders}" for one in found if not one.is_kept]
    assert not broken, "\n".join(broken)


def findings(
    engine: Engine,
    accepted: Collection[UUID],
    ledger: Mapping[str, Any],
    events: Collection[Mapping[str, Any]],
) -> list[Finding]:
    """Hold every promise against what is left.

    `accepted` are the requests whose POST was answered.
    """
    rows = requests_of(engine)
    return [
        *_of_requests(rows, accepted),
        *_of_documents(rows, ledger),
        *_of_history(engine, rows),
        *_of_events(engine, events),
    ]


def _of_requests(rows: Rows, accepted: Collection[UUID]) -> Iterator[Finding]:
    yield finding("no accepted request is lost", len(set(accepted)), set(accepted) - set(rows))
    yield finding(
        "every request is at its end",
        len(rows),
        (f"{key} is {row.status}" for key, row in rows.items() if row.status not in TERMINAL),
    )


def _of_documents(rows: Rows, ledger: Mapping[str, Any]) -> Iterator[Finding]:
    batches = ledger["batches"]
    generated = Counter(UUID(name) for batch in batches for name in batch["generatedReferences"])
    carried = Counter(UUID(name) for batch in batches for name in batch["documentReferences"])
    yield finding(
        "no document is generated twice",
        len(generated),
        (f"{key} {times} times" for key, times in generated.items() if times > 1),
    )
    yield finding(
        "Thunderhead has each generation of a request once",
        carried.total(),
        (
            f"{key} {times} times"
            for key, times in carried.items()
            if key not in rows or times > rows[key].generation
        ),
    )
    yield finding(
        "COMPLETED is generated, FAILED is not",
        len(rows),
        (
            f"{key} is {row.status}, generated {generated[key]} times"
            for key, row in rows.items()
            # What came after its deadline has FAILED, and its row says that it came.
            if (row.status == "COMPLETED" or row.generated_late_at is not None)
            != (generated[key] > 0)
        ),
    )


def _of_history(engine: Engine, rows: Rows) -> Iterator[Finding]:
    h = status_history.c
    with engine.connect() as connection:
        entries = connection.execute(select(status_history).order_by(h.history_id)).all()
    by_request: defaultdict[UUID, list[Any]] = defaultdict(list)
    for entry in entries:
        by_request[entry.request_id].append(entry)
    yield finding(
        "each transition begins where the one before ended",
        len(entries),
        (
            f"{key}: {[(entry.from_status, entry.to_status) for entry in by_request[key]]}"
            for key, row in rows.items()
            if not _is_a_chain(by_request[key], row)
        ),
    )
    claims = Counter(
        (entry.request_id, entry.generation, entry.from_status, entry.to_status)
        for entry in entries
    )
    yield finding(
        "no request is claimed that somebody has",
        sum(key[2:] == ("RECEIVED", "PROCESSING") for key in claims.elements()),
        (
            f"{request_id} {number} times"
            for (request_id, generation, *step), number in claims.items()
            if step == ["RECEIVED", "PROCESSING"]
            and number > 1 + claims[request_id, generation, "PROCESSING", "RECEIVED"]
        ),
    )


def _is_a_chain(chain: list[Any], row: Any) -> bool:
    """Tell whether a history leads from receipt to the present, a reprocess a generation."""
    before: str | None = None
    generation = 1
    for entry in chain:
        again = (before, entry.to_status) == ("FAILED", "RECEIVED")
        generation += again
        if entry.from_status != before or entry.generation != generation:
            return False
        if before in TERMINAL and not again:
            return False
        before = entry.to_status
    return (before, generation) == (row.status, row.generation)


def _of_events(engine: Engine, events: Collection[Mapping[str, Any]]) -> Iterator[Finding]:
    h = status_history.c
    with engine.connect() as connection:
        rows = connection.execute(select(status_history).where(h.to_status.in_(TERMINAL))).all()
        stored = connection.execute(select(outbox)).all()
    ends = Counter((row.request_id, row.generation, row.to_status) for row in rows)
    times = {(row.request_id, row.generation, row.to_status): rfc3339(row.at) for row in rows}
    ids: defaultdict[End, set[str]] = defaultdict(set)
    generations: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    strange: list[str] = []
    for event in events:
        value = event["value"]
        data = value["data"]
        end = (UUID(value["subject"]), data["generation"], TYPES[value["type"]])
        is_ours = event["key"] == value["subject"] and data["status"] == end[2]
        if not is_ours or times.get(end) != value["time"]:
            strange.append(f"{end} at {value['time']}")
        # Only what is new: a repetition may come at any time.
        if value["id"] not in ids[end]:
            generations[event["topic"], event["key"]].append(data["generation"])
        ids[end].add(value["id"])
    yield finding(
        "a generation ends once, with one event",
        len(ends),
        (end for end, number in ends.items() if number > 1 or len(ids[end]) != 1),
    )
    yield finding("no event tells what is not committed", len(events), strange)
    yield finding(
        "the events of a request come in order",
        sum(map(len, generations.values())),
        (key for (_, key), order in generations.items() if order != sorted(set(order))),
    )
    published = Counter(
        (row.request_id, row.generation) for row in stored if row.published_at is not None
    )
    ended = Counter((request_id, generation) for request_id, generation, _ in ends)
    yield finding(
        "the database has one event for each end, as published",
        len(stored),
        (key for key in ended.keys() | published.keys() if ended[key] != published[key]),
    )
