"""pgqueuer, by its guide to performance tuning.

One worker with a pool of connections: on a single one, which the guide has too, a claim would wait
for the record of what is done. A batch is half of the calls, the most that pgqueuer allows where it
may have no more jobs than calls.
"""

from __future__ import annotations

import time

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from benchmarks.job_queues.work import Done, Work, calling, commit_delay, references

CONNECTIONS = 4
"""It listens on one, and claims, records and looks on the others."""


async def drain(work: Work) -> Done:
    """Enqueue the jobs, then measure a worker until the last of them is in pgqueuer's log."""
    size = {"min_size": CONNECTIONS, "max_size": CONNECTIONS}
    async with asyncpg.create_pool(work.database_url, **size) as pool, calling(work) as call:
        queries = Queries.from_asyncpg_pool(pool)
        await queries.install()
        await queries.optimize_autovacuum()
        payloads: list[bytes | None] = [one.encode() for one in references(work)]
        await queries.enqueue(["submit"] * work.jobs, payloads, [0] * work.jobs)
        await pool.execute("ANALYZE")
        if work.commit_seconds:
            await pool.execute(commit_delay("pgqueuer", work.commit_seconds))
        worker = PgQueuer.from_asyncpg_pool(pool)

        @worker.entrypoint("submit")
        async def submit(job: Job) -> None:
            assert job.payload is not None
            await call(job.payload.decode())

        began = time.time()
        await worker.run(
            batch_size=work.calls // 2,
            max_concurrent_tasks=work.claims,
            mode=QueueExecutionMode.drain,
        )
        jobs, ended = await pool.fetchrow(
            "SELECT count(DISTINCT job_id), extract(epoch FROM max(created))::float8"
            " FROM pgqueuer_log WHERE status = 'successful'"
        )
    return Done(jobs, ended - began)
