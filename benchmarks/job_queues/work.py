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
    concurrency: int
    """Calls at a time."""
    commit_seconds: float
    """How much longer each commit takes."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it."""

    jobs: int
    """Recorded as done."""
    seconds: float
    """From the start of the worker to the record of its last job."""


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
    """Make the call of a job, so many at a time: one session, whose connections are kept."""
    connector = aiohttp.TCPConnector(limit=work.concurrency)
    headers = {"Content-Type": "application/json"}
    before, _, after = work.body.partition(REFERENCE)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def call(reference: str) -> None:
            body = f"{before}{reference}{after}".encode()
            async with session.post(work.batches_url, data=body) as response:
                response.raise_for_status()
                await response.json()

        yield call
