"""SQL of job_runs: the last run of each job, its heartbeat."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from shared.domain.models import JobRun
from shared.store.tables import job_runs


class JobRunsTable:
    """Port `JobRuns` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, run: JobRun) -> None:
        """Keep a run as the job's last."""
        row = {
            "job": run.job,
            "run_id": run.run_id,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "summary": json.dumps(dict(run.summary)),
        }
        change = update(job_runs).where(job_runs.c.job == run.job).values(row)
        if self._connection.execute(change).rowcount:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(job_runs).values(row))
        except IntegrityError:  # another run inserted it meanwhile
            self._connection.execute(change)

    def last(self) -> Sequence[JobRun]:
        """Return the last run of each job, by name."""
        return [
            JobRun(row.job, row.run_id, row.started_at, row.finished_at, json.loads(row.summary))
            for row in self._connection.execute(select(job_runs).order_by(job_runs.c.job))
        ]
