"""The real system on a database file, between peers that keep a ledger."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import event

from shared import composition
from shared.composition import System, compose, open_store
from shared.domain.enrichment import ConfigurationRow
from shared.domain.models import NewRequest, OutboxEvent
from shared.domain.statuses import Priority
from shared.errors import ReferenceDataInvalid, ReferenceDataUnavailable
from shared.jobs import calls
from shared.jobs.ports import Publisher, PublishFailure, ReferenceData
from shared.jobs.queries import Caller
from shared.settings import Settings
from tests.properties.thunderhead import LedgerThunderhead
from tests.unit.domain.builders import NOON
from tests.unit.jobs.fakes import StandingClock, arrivals

T = TypeVar("T")

OPERATOR = Caller("operator")
CONFIGURED = {"LETTER": "1709524441", "POLICY": "1709524442"}
"""Document names with a configuration; others have none."""
LEASE, VISIBILITY, GRACE, DEADLINE, RETENTION_DAYS = 20.0, 30.0, 25.0, 200.0, 2.0
SETTINGS: dict[str, Any] = {
    "environment": "local",
    "reference_data_base_url": "http://127.0.0.1:1",
    "thunderhead_base_url": "http://127.0.0.1:1",
    "thunderhead_auth": "none",
    "kafka_bootstrap_servers": "127.0.0.1:1",
    "kafka_security": "plaintext",
    "api_auth": "none",
    "http_concurrency": 2,
    "http_timeout_seconds": 5,
    "events_timeout_seconds": 5,
    "lease_seconds": LEASE,
    "retry_base_seconds": 1,
    "retry_max_seconds": 10,
    "poll_min_seconds": 5,
    "poll_max_seconds": 10,
    "thunderhead_visibility_seconds": VISIBILITY,
    "pending_grace_seconds": GRACE,
    "batch_deadline_seconds": DEADLINE,
    "content_retention_days": RETENTION_DAYS,
    "max_attempts": 2,
}


_COMPILED: dict[Any, Any] = {}
"""Statements are compiled once, not once for every world."""


class Over(Future[T]):
    """A call that is over; a set of such has the same order in every run."""

    def __init__(self, number: int, result: T) -> None:
        super().__init__()
        self._number = number
        self.set_result(result)

    def __hash__(self) -> int:
        return self._number


class OneByOne(Executor):
    """A pool whose calls are over as soon as they begin: one order of events, always the same."""

    def __init__(self, *_: object) -> None:
        self._calls = 0

    def submit(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        self._calls += 1
        return Over(self._calls, call(*args, **kwargs))


class Codes(ReferenceData):
    """Knows a few codes and configurations; can be `out`, or `invalid`."""

    def __init__(self) -> None:
        self.answers = "fine"

    def codes(self, code_type: str, day: date) -> Sequence[str]:
        self._answer()
        return ["ARCADE", "INVOICE", "EN", *CONFIGURED, "UNKNOWN"]

    def configurations(
        self, document_name: str, footer: str, day: date
    ) -> Sequence[ConfigurationRow]:
        self._answer()
        value = CONFIGURED.get(document_name)
        if value is None:
            return []
        always = date(2020, 1, 1), date(4712, 12, 31)
        return [ConfigurationRow("1", "0", document_name, "BATCH_CONFIG_ID", value, *always)]

    def _answer(self) -> None:
        if self.answers == "out":
            raise ReferenceDataUnavailable("out")
        if self.answers == "invalid":
            raise ReferenceDataInvalid("no JSON")


class Broker(Publisher):
    """Keeps what it acknowledged, in order; can be `down`, or `refuses` a message."""

    def __init__(self) -> None:
        self.answers = "fine"
        self.events: list[OutboxEvent] = []

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        if self.answers == "down":
            return {one.event_id: PublishFailure("out", is_final=False) for one in events}
        refused = [one.event_id for one in events][:1] if self.answers == "refuses" else []
        self.events += [one for one in events if one.event_id not in refused]
        failure = PublishFailure("too large", is_final=True)
        return {one.event_id: failure if one.event_id in refused else None for one in events}


_OBSERVED = """
CREATE TABLE observed (id INTEGER PRIMARY KEY, kind TEXT, key TEXT, before TEXT, after TEXT);
CREATE TRIGGER request_inserted AFTER INSERT ON document_requests BEGIN
  INSERT INTO observed (kind, key, after) VALUES ('request', NEW.request_id, NEW.status);
END;
CREATE TRIGGER request_updated AFTER UPDATE ON document_requests WHEN OLD.status <> NEW.status BEGIN
  INSERT INTO observed (kind, key, before, after)
  VALUES ('request', NEW.request_id, OLD.status, NEW.status);
END;
CREATE TRIGGER batch_inserted AFTER INSERT ON batches BEGIN
  INSERT INTO observed (kind, key, after) VALUES ('batch', NEW.batch_id, NEW.state);
END;
CREATE TRIGGER batch_updated AFTER UPDATE ON batches WHEN OLD.state <> NEW.state BEGIN
  INSERT INTO observed (kind, key, before, after)
  VALUES ('batch', NEW.batch_id, OLD.state, NEW.state);
END;
"""
"""The database's own record of what changed, whoever changed it."""


class Killed(BaseException):
    """The process has ended, at whatever line it was."""


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "oms.db"
        store = open_store(f"sqlite:///{path}")
        store.migrate()
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_OBSERVED)
        return path.read_bytes()


class World:
    """Two workers on one database, their peers, and one clock for all."""

    def __init__(self, **settings: Any) -> None:
        self._stack = ExitStack()
        directory = Path(tempfile.mkdtemp())
        self._stack.callback(shutil.rmtree, directory)
        self._stack.enter_context(patch.object(calls, "ThreadPoolExecutor", OneByOne))
        self.path = directory / "oms.db"
        self.path.write_bytes(_migrated())
        self.clock = StandingClock()
        values = {**SETTINGS, "database_url": f"sqlite:///{self.path}", **settings}
        self.settings = Settings(**values)
        self.thunderhead = LedgerThunderhead(
            self.clock,
            self.settings.thunderhead_reference_unique,
            self.settings.thunderhead_lookup_supported,
        )
        self.codes = Codes()
        self.broker = Broker()
        self._ids = random.Random(1)
        self._stack.enter_context(patch.object(composition, "uuid4", self._new_id))
        self.system, self.rival = self._compose(), self._compose()
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._stack.callback(self._connection.close)

    def _compose(self) -> System:
        system = compose(self.settings, self.clock)
        system.clients.reference_data = self.codes
        system.clients.thunderhead = self.thunderhead
        system.clients.publisher = self.broker
        engine = system.store._engine
        engine.update_execution_options(compiled_cache=_COMPILED)
        # Nothing here is about power cuts.
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        self._stack.callback(system.close)
        return system

    def _new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)

    def close(self) -> None:
        self._stack.close()

    def submit(self, *requests: NewRequest) -> list[Any]:
        return self.system.intake.submit(arrivals(requests))

    def rows(self, statement: str, *parameters: object) -> list[sqlite3.Row]:
        """Read the database behind the system's back."""
        return self._connection.execute(statement, parameters).fetchall()

    def before_write(self, number: int, work: Callable[[], object]) -> None:
        """Let something happen before the n-th next transaction of the first worker."""
        self._interrupt(number, work, None)

    def after_write(self, number: int, work: Callable[[], object]) -> None:
        """Let something happen after the n-th next transaction of the first worker."""
        self._interrupt(number, None, work)

    def undisturbed(self) -> None:
        """Nothing happens meanwhile any more."""
        vars(self.system.store).pop("write", None)

    def _interrupt(
        self,
        number: int,
        before: Callable[[], object] | None,
        after: Callable[[], object] | None,
    ) -> None:
        store, write = self.system.store, type(self.system.store).write
        left = number

        def interrupted(work: Callable[[Any], T]) -> T:
            nonlocal left
            left -= 1
            if left == 0 and before:
                before()
            result = write(store, work)
            if left == 0 and after:
                after()
            return result

        vars(store)["write"] = interrupted


def die() -> None:
    raise Killed


def letter(key: str, **changes: Any) -> NewRequest:
    """Build a request; `kind` says what Thunderhead will think of it."""
    kind = changes.pop("kind", "good")
    values: dict[str, Any] = {
        "source_system": "ARCADE",
        "request_correlation_id": key,
        "document_type": "INVOICE",
        "document_name": "LETTER",
        "language": "EN",
        "priority": Priority.NORMAL,
        "metadata": {},
        "content": {"kind": kind},
        **changes,
    }
    return NewRequest(**values)


def moment(text: str | None) -> datetime | None:
    """Read a time as SQLite keeps it."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=NOON.tzinfo)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
