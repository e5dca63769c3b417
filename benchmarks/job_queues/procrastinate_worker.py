"""procrastinate: asynchronous workers in one process.

A worker claims one job after the other, each with a commit, so that a single one cannot keep many
calls busy; eight of them brought the most of 2, 4, 8 and 16. A job's end is a commit of its own.
"""

from __future__ import annotations

import asyncio
import time

from procrastinate import App, PsycopgConnector

from benchmarks.job_queues.work import Done, Work, calling, commit_delay, references

WORKERS = 8
CONNECTIONS = 32
"""One for each of the calls that may end at once; 16 brought the same."""


async def drain(work: Work) -> Done:
    """Enqueue the jobs, then measure the workers until the last of them has succeeded."""
    connector = PsycopgConnector(
        conninfo=work.database_url, min_size=CONNECTIONS, max_size=CONNECTIONS
    )
    app = App(connector=connector)
    async with app.open_async(), calling(work) as call:

        @app.task(name="submit")
        async def submit(reference: str) -> None:
            await call(reference)

        await app.schema_manager.apply_schema_async()
        await submit.batch_defer_async(*({"reference": one} for one in references(work)))
        await connector.execute_query_async("ANALYZE")
        if work.commit_seconds:
            await connector.execute_query_async(
                commit_delay("procrastinate_jobs", work.commit_seconds)
            )
        began = time.time()
        await asyncio.gather(*(_work(app, work.claims // WORKERS) for _ in range(WORKERS)))
        found = await connector.execute_query_one_async(
            "SELECT count(DISTINCT job_id) AS jobs, extract(epoch FROM max(at))::float8 AS ended"
            " FROM procrastinate_events WHERE type = 'succeeded'"
        )
    return Done(found["jobs"], found["ended"] - began)


async def _work(app: App, jobs: int) -> None:
    """Work off what there is, so many jobs at a time."""
    await app.run_worker_async(
        concurrency=jobs, wait=False, listen_notify=False, install_signal_handlers=False
    )
