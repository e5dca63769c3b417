"""The store: transactions, and what becomes of their errors."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import DatabaseUnavailable
from shared.store import migrations
from shared.store.batched_requests import BatchedRequestsTable
from shared.store.batches import BatchesTable
from shared.store.claimed_requests import ClaimedRequestsTable
from shared.store.database_errors import is_worth_repeating
from shared.store.engine import READ_ONLY, Turn, turn_to_write
from shared.store.figures import FiguresTables
from shared.store.generation_times import GenerationTimesTable
from shared.store.history import HistoryTable
from shared.store.job_runs import JobRunsTable
from shared.store.operator_actions import OperatorActionsTable
from shared.store.outbox import OutboxTable
from shared.store.pauses import PausesTable
from shared.store.requests import RequestsTable
from shared.store.retention import RetentionTables
from shared.store.statistics import StatisticsTables

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_MAX_RUNS = 4
_FIRST_WAIT_SECONDS = 0.1


class SqlTransaction:
    """Port `Transaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.requests = RequestsTable(connection)
        self.claimed = ClaimedRequestsTable(connection)
        self.batched = BatchedRequestsTable(connection)
        self.history = HistoryTable(connection)
        self.batches = BatchesTable(connection)
        self.generation_times = GenerationTimesTable(connection)
        self.retention = RetentionTables(connection)
        self.outbox = OutboxTable(connection)
        self.pauses = PausesTable(connection)
        self.job_runs = JobRunsTable(connection)
        self.operator_actions = OperatorActionsTable(connection)
        self.statistics = StatisticsTables(connection)
        self.figures = FiguresTables(connection)
        self.committed: list[Callable[[], object]] = []
        """What is to be done after the commit."""

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do something once the transaction is committed; never where it is not.

        Its failure is logged, and goes no further.
        """
        self.committed.append(action)


class SqlStore:
    """Port `Store` on SQLAlchemy."""

    def __init__(self, engine: Engine, pause: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._reading = engine.execution_options(**{READ_ONLY: True})
        self._pause = pause
        self._turn = turn_to_write(engine)

    def write(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run work in one transaction, again from its start where the database asks for it.

        Raises DatabaseUnavailable when it cannot be reached, or after several runs.
        """
        return self._run(work, self._engine, self._turn)

    def read(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run work that only reads. Raises DatabaseUnavailable."""
        return self._run(work, self._reading, nullcontext)

    def is_migrated(self) -> bool:
        """Tell whether the database has a schema. Raises DatabaseUnavailable."""
        try:
            return migrations.is_migrated(self._engine)
        except DBAPIError as error:
            raise _unavailable(error) from error

    def migrate(self) -> tuple[str | None, str | None]:
        """Bring the schema to the newest revision; returns the one before and the one after.

        Raises DatabaseUnavailable.
        """
        try:
            return migrations.upgrade(self._engine)
        except DBAPIError as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    def _run(self, work: Callable[[SqlTransaction], T], engine: Engine, turn: Turn) -> T:
        for run in range(1, _MAX_RUNS + 1):
            try:
                with turn(), engine.begin() as connection:
                    transaction = SqlTransaction(connection)
                    result = work(transaction)
            except DBAPIError as error:
                if run == _MAX_RUNS or not is_worth_repeating(error):
                    raise _unavailable(error) from error
            except PoolTimeoutError as error:
                raise DatabaseUnavailable("no database connection was free in time") from error
            else:
                _follow_up(transaction.committed)
                return result
            # Two that met in a deadlock must not meet again: full jitter.
            self._pause(random.uniform(0, _FIRST_WAIT_SECONDS * 2**run))  # noqa: S311
        raise AssertionError("unreachable")


def _follow_up(actions: Iterable[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        # Whatever it is: what is committed must not look as if it were not.
        except Exception as error:  # noqa: BLE001
            kind = type(error).__qualname__
            _logger.error("follow-up of a commit failed", extra={"error.type": kind})  # noqa: TRY400


def _unavailable(error: DBAPIError) -> DatabaseUnavailable:
    """Name the kind of an error; its text may hold the data of a statement."""
    return DatabaseUnavailable(f"the database cannot be used ({type(error).__name__})")
