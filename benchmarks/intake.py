"""Intake: everything but the insert beside bare FastAPI, and with it beside bare inserts."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Benchmark, Figure, at_least, at_most
from benchmarks.intake_peers import (
    MANY,
    MOST,
    ONE,
    Post,
    bare_database,
    bare_fastapi,
    bare_function,
    batch,
    bodies,
    function,
    insert,
    post_all,
    rows_of,
)
from benchmarks.rounds import in_a_process, interleaved, median, timed

T = TypeVar("T")
ROUNDS = 7
"""Each is short, and the machine has neighbours."""
CALLS = 3000
STORED = 960
BATCHES = 5
WARM_UP = 200
CALLERS = 16

BARE, LEAST = "bare FastAPI", "bare FastAPI as a function, to a thread and back"
PLAIN, TOKENS = "the function", "the function with bearer tokens"


def measure() -> Sequence[Figure]:
    calls = interleaved(
        {
            BARE: partial(in_a_process, _run, _bare_calls),
            LEAST: partial(in_a_process, _run, _least_calls),
            PLAIN: partial(in_a_process, _run, _calls),
            TOKENS: partial(in_a_process, _run, _authenticated_calls),
        },
        ROUNDS,
    )
    stored = interleaved(
        {
            "bare inserts": partial(in_a_process, _run, _bare_inserts),
            "requests": partial(in_a_process, _run, _requests),
            "bare executemany": partial(in_a_process, _run, _bare_batches),
            "batches": partial(in_a_process, _run, _batches),
        },
        ROUNDS,
    )
    figures = []
    for name, peer, (callers, at) in itertools.product(
        (PLAIN, TOKENS), (BARE, LEAST), ((1, 0), (CALLERS, 1))
    ):
        mine, bare = (median(calls[one], lambda took, at=at: took[at]) for one in (name, peer))
        figures.append(
            Figure(
                what=f"all but the database, by {name}, {callers} at a time",
                beside=peer,
                value=mine / bare,
                reach=at_most(3) if peer == BARE else None,
                measured={"product, µs": mine, "bare, µs": bare},
            )
        )
    rates = {name: median(results, float) for name, results in stored.items()}
    for what, mine, bare, least in (
        (f"requests stored by {CALLERS} callers", "requests", "bare inserts", 0.6),
        (f"requests stored {MOST} a call", "batches", "bare executemany", 0.5),
    ):
        figures.append(
            Figure(
                what=what,
                beside=bare,
                value=rates[mine] / rates[bare],
                reach=at_least(least),
                measured={"product, requests/s": rates[mine], "bare, requests/s": rates[bare]},
            )
        )
    return figures


def _run(work: Callable[[Path], Coroutine[None, None, T]]) -> T:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(work(Path(folder)))


async def _bare_calls(_folder: Path) -> tuple[float, float]:
    async with bare_fastapi() as post:
        return await _microseconds(post)


async def _least_calls(_folder: Path) -> tuple[float, float]:
    async with bare_function() as post:
        return await _microseconds(post)


async def _calls(folder: Path) -> tuple[float, float]:
    async with function(folder, is_stored=False) as post:
        return await _microseconds(post)


async def _authenticated_calls(folder: Path) -> tuple[float, float]:
    async with function(folder, is_stored=False, is_authenticated=True) as post:
        return await _microseconds(post)


async def _microseconds(post: Post) -> tuple[float, float]:
    """What a call takes alone, and among many: of the time, each has its part."""
    await post_all(post, ONE, bodies(0, WARM_UP), CALLERS)
    alone, among_many = bodies(WARM_UP, CALLS), bodies(WARM_UP + CALLS, CALLS)
    with timed() as first:
        await post_all(post, ONE, alone, 1)
    with timed() as second:
        await post_all(post, ONE, among_many, CALLERS)
    return first.seconds / CALLS * 1e6, second.seconds / CALLS * 1e6


async def _requests(folder: Path) -> float:
    async with function(folder) as post:
        await post_all(post, ONE, bodies(0, WARM_UP), CALLERS)
        contents = bodies(WARM_UP, STORED)
        with timed() as took:
            await post_all(post, ONE, contents, CALLERS)
    return STORED / took.seconds


async def _batches(folder: Path) -> float:
    async with function(folder) as post:
        await post_all(post, MANY, [batch(0, MOST)], 1)
        contents = [batch(MOST * number, MOST) for number in range(1, BATCHES + 1)]
        with timed() as took:
            await post_all(post, MANY, contents, 1)
    return BATCHES * MOST / took.seconds


async def _bare_inserts(folder: Path) -> float:
    return await _bare(folder, WARM_UP + STORED, WARM_UP, 1)


async def _bare_batches(folder: Path) -> float:
    return await _bare(folder, (1 + BATCHES) * MOST, MOST, MOST)


async def _bare(folder: Path, count: int, warm_up: int, at_once: int) -> float:
    rows = await rows_of(folder, count)
    with bare_database(folder / "bare.db") as connection:
        for first in range(0, warm_up, at_once):
            insert(connection, rows[first : first + at_once])
        with timed() as took:
            for first in range(warm_up, count, at_once):
                insert(connection, rows[first : first + at_once])
    return (count - warm_up) / took.seconds


BENCHMARK = Benchmark("intake", "Intake", measure)
