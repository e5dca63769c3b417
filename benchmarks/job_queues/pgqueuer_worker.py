"""pgqueuer, as its guide to performance tuning has it."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from benchmarks.job_queues.work import (
    Done,
    Work,
    answer,
    calling,
    commit_delay,
    read_work,
    references,
)

E = os.environ.get
POOL = int(E("POOL", "10"))


async def drain(work: Work) -> Done:
    """Enqueue the jobs, then measure a worker until the last of them is in pgqueuer's log."""
    from pgqueuer.db import AsyncpgDriver
    async with asyncpg.create_pool(work.database_url, min_size=POOL, max_size=POOL) as pool:
        queries = Queries.from_asyncpg_pool(pool)
        await queries.install()
        await queries.optimize_autovacuum()
        payloads = [reference.encode() for reference in references(work)]
        await queries.enqueue(["submit"] * work.jobs, payloads, [0] * work.jobs)
        await pool.execute("ANALYZE")
        if work.commit_seconds:
            await pool.execute(commit_delay("pgqueuer", work.commit_seconds))
        single = await asyncpg.connect(work.database_url)
        async with calling(work) as call:
            worker = PgQueuer(AsyncpgPoolDriver(pool) if POOL > 2 else AsyncpgDriver(single))

            @worker.entrypoint("submit")
            async def submit(job: Job) -> None:
                assert job.payload is not None
                await call(job.payload.decode())

            began = time.time()
            m = E("MAX", "2")
            await worker.run(
                batch_size=int(work.concurrency * float(E("BATCH", "0.5"))),
                max_concurrent_tasks=int(work.concurrency * float(m)) or None,
                mode=QueueExecutionMode.drain,
                dequeue_timeout=timedelta(seconds=1),
            )
            took = time.time() - began
        jobs, ended = await pool.fetchrow(
            "SELECT count(DISTINCT job_id), extract(epoch FROM max(created))::float8"
            " FROM pgqueuer_log WHERE status = 'successful'"
        )
    if E("V"):
        import sys
        print(took, time.process_time(), file=sys.stderr)
    return Done(jobs, ended - began)


if __name__ == "__main__":
    if E("NOUV"):
        import asyncio
        answer(asyncio.run(drain(read_work())))
    else:
        answer(uvloop.run(drain(read_work())))
