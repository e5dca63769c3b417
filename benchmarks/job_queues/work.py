"""What every worker is given, and what it answers; JSON on standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from uuid import uuid4

import aiohttp

REFERENCE = "{reference}"
"""Stands in the body for what a job is about."""

_DELAY = """
CREATE FUNCTION bench_delay_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('bench.delayed', true) IS DISTINCT FROM 'yes' THEN
        PERFORM set_config('bench.delayed', 'yes', true), pg_sleep({seconds});
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bench_delay_commit AFTER INSERT OR UPDATE OR DELETE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bench_delay_commit()
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Jobs to enqueue, and then to drain."""

    database_url: str
    batches_url: str
    body: str
    """Of each call, with REFERENCE in it."""
    jobs: int
    calls: int
    """At a time."""
    claims: int
    """Jobs that may be claimed at a time; what is more than the calls waits for one of them."""
    commit_seconds: float
    """How much longer each commit takes."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it."""

    jobs: int
    """Recorded as done."""
    seconds: float
    """From the start of the worker to the transaction that recorded the last job.

    By the clock of the machine, which is the database's too: how long a worker takes to notice that
    nothing is left does not count.
    """


Call = Callable[[str], Awaitable[None]]


def read_work() -> Work:
    return Work(**json.load(sys.stdin))


def answer(done: Done) -> None:
    print(json.dumps(asdict(done)))


def references(work: Work) -> list[str]:
    """Return what the jobs are about, each about something else."""
    return [str(uuid4()) for _ in range(work.jobs)]


def commit_delay(table: str, seconds: float) -> str:
    """Return the statements that let each commit of a change to a table take longer.

    A deferred trigger is run by COMMIT, before it writes; for each changed row, of which only the
    first waits. So a transaction waits once, however many rows it has changed, with its locks
    held, and others may wait beside it. One that changes nothing does not wait.
    """
    return _DELAY.format(table=table, seconds=seconds)


@asynccontextmanager
async def calling(work: Work) -> AsyncIterator[Call]:
    """Make the call of a job, so many at a time: one session, whose connections are kept.

    The session holds the calls to their number, and not the claims, as the product does: a job
    that is claimed can take the place of one that is done while the next are being claimed.
    """
    connector = aiohttp.TCPConnector(limit=work.calls)
    headers = {"Content-Type": "application/json"}
    before, _, after = work.body.partition(REFERENCE)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def call(reference: str) -> None:
            body = f"{before}{reference}{after}".encode()
            async with session.post(work.batches_url, data=body) as response:
                response.raise_for_status()
                await response.json()

        yield call
