"""What must be true when all is over, as seen from outside: database, ledger and consumers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select

from shared.store.tables import document_requests, outbox, status_history

TERMINAL = ("COMPLETED", "FAILED")
TYPES = {f"oms.documentrequest.{status.lower()}.v1": status for status in TERMINAL}

Rows = Mapping[UUID, Any]


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
    rows = requests_of(engine)
    none_is_lost(rows, accepted)
    none_is_generated_twice(rows, ledger)
    history_has_no_gaps(engine, rows)
    each_end_is_one_event(engine, events)


def none_is_lost(rows: Rows, accepted: Collection[UUID]) -> None:
    """Every request that was answered is stored, and at its end."""
    missing = set(accepted) - set(rows)
    assert not missing, f"lost: {missing}"
    waiting = {key: row.status for key, row in rows.items() if row.status not in TERMINAL}
    assert not waiting, f"not at their end: {waiting}"


def none_is_generated_twice(rows: Rows, ledger: Mapping[str, Any]) -> None:
    """The platform generated each document at most once; COMPLETED means that it did."""
    generated = Counter(
        reference for batch in ledger["batches"] for reference in batch["generatedReferences"]
    )
    twice = [reference for reference, number in generated.items() if number > 1]
    assert not twice, f"generated more than once: {twice}"
    completed = {str(key) for key, row in rows.items() if row.status == "COMPLETED"}
    assert completed <= set(generated), f"never generated: {completed - set(generated)}"
    unknown = {
        reference for batch in ledger["batches"] for reference in batch["documentReferences"]
    } - {str(key) for key in rows}
    assert not unknown, f"generated for nobody: {unknown}"


def history_has_no_gaps(engine: Engine, rows: Rows) -> None:
    """Each transition begins where the one before ended, from receipt to the present status."""
    h = status_history.c
    with engine.connect() as connection:
        entries = connection.execute(select(status_history).order_by(h.history_id)).all()
    by_request: defaultdict[UUID, list[Any]] = defaultdict(list)
    for entry in entries:
        by_request[entry.request_id].append(entry)
    for request_id, row in rows.items():
        chain = by_request[request_id]
        before = [entry.from_status for entry in chain]
        after = [entry.to_status for entry in chain]
        assert before == [None, *after[:-1]], f"{request_id}: {before} {after}"
        assert after[-1] == row.status, f"{request_id} is {row.status}, history says {after[-1]}"
        claims = Counter(
            entry.generation
            for entry in chain
            if (entry.from_status, entry.to_status) == ("RECEIVED", "PROCESSING")
        )
        released = Counter(
            entry.generation
            for entry in chain
            if (entry.from_status, entry.to_status) == ("PROCESSING", "RECEIVED")
        )
        for generation, number in claims.items():
            assert number <= 1 + released[generation], f"{request_id} was claimed {number} times"


def each_end_is_one_event(engine: Engine, events: Iterable[Mapping[str, Any]]) -> None:
    """Each terminal transition has one event id, consumers saw it, and they saw nothing else."""
    h = status_history.c
    with engine.connect() as connection:
        ends = connection.execute(
            select(h.request_id, h.generation, h.to_status).where(h.to_status.in_(TERMINAL))
        ).all()
        stored = connection.execute(select(outbox)).all()
    expected = Counter((row.request_id, row.generation, row.to_status) for row in ends)
    assert set(expected.values()) <= {1}, "a generation ended twice"
    assert all(row.published_at for row in stored), "an event was never published"
    ids: defaultdict[tuple[UUID, int, str], set[str]] = defaultdict(set)
    latest: dict[tuple[str, str], int] = {}
    for one in events:
        value = one["value"]
        data = value["data"]
        end = (UUID(value["subject"]), data["generation"], TYPES[value["type"]])
        assert data["status"] == end[2]
        assert one["key"] == value["subject"]
        if value["id"] not in ids[end]:
            place = (one["topic"], one["key"])
            assert data["generation"] > latest.get(place, 0), f"out of order: {place}"
            latest[place] = data["generation"]
        ids[end].add(value["id"])
    assert set(ids) == set(expected), f"{set(ids) ^ set(expected)}"
    doubled = {end: found for end, found in ids.items() if len(found) > 1}
    assert not doubled, f"more than one id: {doubled}"
    assert len(stored) == len(ids)
