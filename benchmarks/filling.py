"""A database file with very many requests, made by SQLite itself."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from shared.composition import open_store

REQUESTS_PER_BATCH = 100
PENDING_EVENTS = 1_000
RETENTION = timedelta(days=90)
PRAGMAS = ("synchronous = OFF", "journal_mode = OFF", "cache_size = -400000", "temp_store = FILE")


@dataclass(frozen=True, slots=True)
class Filling:
    """What a file holds."""

    requests: int
    received: int = 2_000
    """The newest, which wait for the processing job."""
    submitted: int = 5_800
    """Those before them (and before 200 that are PROCESSING)."""
    days: float = 30.0
    """How long it took until all had arrived."""
    waits_days: float = 0.0
    """How long after its receipt what waits becomes due."""
    is_lean: bool = False
    """What no job looks at is left out: metadata and history of what ended before the last day,
    and the payload of events."""

    @property
    def details_from(self) -> int:
        """The request before the first that has metadata and history."""
        if not self.is_lean:
            return 0
        open_ones = self.received + 200 + self.submitted
        return max(0, self.requests - max(open_ones, round(self.requests / self.days)))


# Request n of :n was received that far from the begin of the period, and ended 20 minutes later.
# The LIMIT keeps SQLite from computing each value again wherever it is used.
NUMBERED = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :n),
requests AS (
    SELECT n,
        substr('0000000' || n, -8) || substr(lower(hex(randomblob(12))), 1, 24) AS id,
        strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds') AS at,
        strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n + 1200) || ' seconds') AS later,
        CASE
            WHEN n > :n - :received THEN 'RECEIVED'
            WHEN n > :n - :received - 200 THEN 'PROCESSING'
            WHEN n > :n - :received - 200 - :submitted THEN 'SUBMITTED'
            WHEN n % 20000 = 0 THEN 'HELD'
            WHEN n % 50 = 0 THEN 'FAILED'
            ELSE 'COMPLETED'
        END AS status
    FROM numbers LIMIT -1 OFFSET 0
)
"""
STEPS = {
    "batches": """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :n)
        INSERT INTO batches (batch_id, state, version, batch_name, batch_config_id,
            transaction_data_type, properties, payload_digest, document_count, created_at,
            updated_at, due_at, in_flight, attempts, failures, thunderhead_batch_id, polls)
        SELECT substr('0000000' || n, -8) || '000000000000000000000000',
            CASE WHEN n > :n - 80 THEN 'SUBMITTED' WHEN n % 200 = 0 THEN 'HELD' ELSE 'SETTLED' END,
            1, 'OMS', '17095244' || (n % 20), 'application/xml', '[]', '', 100,
            strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds'),
            strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds'),
            CASE WHEN n > :n - 80 OR n % 200 = 0 THEN strftime(
                '%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n + :waits) || ' seconds') END,
            0, 0, 0, 70000 + n, 1
        FROM numbers""",
    "requests": NUMBERED
    + """
        INSERT INTO document_requests (request_id, source_system, request_correlation_id,
            body_digest, document_type, document_name, language, priority, status, generation,
            version, received_at, updated_at, submitted_at, completed_at, purged_at, traceparent,
            event_topic, batch_id, due_at, waiting_since, failures, failure_category, failure_code,
            failure_message)
        SELECT id, 'SYSTEM' || (n % 7), 'REQ-' || n, '',
            CASE WHEN n % 3 THEN 'INVOICE' ELSE 'POLICY' END, 'NAME' || (n % 40), 'EN',
            'NORMAL', status, 1, 4, at, later, at,
            CASE WHEN status IN ('COMPLETED', 'FAILED') THEN later END,
            CASE WHEN status IN ('COMPLETED', 'FAILED') AND later < :purged_before THEN later END,
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'oms-document-status',
            CASE WHEN status NOT IN ('RECEIVED', 'PROCESSING')
                THEN substr('0000000' || ((n - 1) / 100 + 1), -8) || '000000000000000000000000' END,
            CASE WHEN status = 'RECEIVED'
                THEN strftime('%Y-%m-%d %H:%M:%f000', at, :waits || ' seconds') END,
            CASE WHEN status NOT IN ('COMPLETED', 'FAILED') THEN at END,
            0,
            CASE WHEN status = 'FAILED'
                THEN CASE n % 4 WHEN 0 THEN 'GENERATION' WHEN 2 THEN 'TIMEOUT' END END,
            CASE WHEN status = 'FAILED' THEN 'CODE' || (n % 13) END,
            CASE WHEN status = 'FAILED' THEN 'message' END
        FROM requests""",
    "metadata": """
        INSERT INTO request_metadata (request_id, metadata_key, metadata_value)
        SELECT request_id, 'INVOICE_ID', substr(request_correlation_id, 5)
        FROM document_requests WHERE rowid > :details_from
        UNION ALL
        SELECT request_id, 'FOOTER_ID', '2'
        FROM document_requests WHERE rowid > :details_from
        UNION ALL
        SELECT request_id, 'POLICY_ID', substr(request_correlation_id, 5) / 20
        FROM document_requests WHERE rowid > :details_from""",
    "history": """
        INSERT INTO status_history (request_id, generation, from_status, to_status, at, actor,
            batch_id, failure_category, failure_code)
        SELECT request_id, 1, NULL, 'RECEIVED', received_at, 'system', NULL, NULL, NULL
        FROM document_requests WHERE rowid > :details_from
        UNION ALL
        SELECT request_id, 1, 'SUBMITTED', status, completed_at, 'monitoring', batch_id,
            failure_category, failure_code
        FROM document_requests
        WHERE rowid > :details_from AND completed_at IS NOT NULL""",
    "events": """
        INSERT INTO outbox (event_id, request_id, generation, state, topic, traceparent, payload,
            created_at, due_at, attempts, published_at)
        SELECT request_id, request_id, 1,
            CASE WHEN rowid % :pending_every = 1 THEN 'PENDING' ELSE 'PUBLISHED' END, 'topic', '',
            zeroblob(CASE WHEN :is_lean THEN 0 ELSE 600 END), completed_at,
            CASE WHEN rowid % :pending_every = 1
                THEN strftime('%Y-%m-%d %H:%M:%f000', completed_at, :waits || ' seconds') END, 0,
            CASE WHEN rowid % :pending_every = 1 THEN NULL ELSE completed_at END
        FROM document_requests WHERE completed_at IS NOT NULL""",
}


def fill(path: Path, filling: Filling, now: datetime) -> None:
    """Make the file, and say what it is doing."""
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    begin = now - timedelta(days=filling.days)
    values = {
        "begin": f"{begin:%Y-%m-%d %H:%M:%S}",
        "seconds": filling.days * 86400,
        "waits": filling.waits_days * 86400,
        "purged_before": f"{now - RETENTION:%Y-%m-%d %H:%M:%S}",
        "details_from": filling.details_from,
        "received": filling.received,
        "submitted": filling.submitted,
        "is_lean": filling.is_lean,
        "pending_every": max(1, filling.requests // PENDING_EVENTS),
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for what, statement in STEPS.items():
            number = filling.requests
            if what == "batches":
                number //= REQUESTS_PER_BATCH
            _timed(connection, what, statement, {**values, "n": number})
        for name, statement in indexes:
            _timed(connection, name, statement, {})
    print()


def _timed(connection: sqlite3.Connection, what: str, statement: str, values: dict) -> None:
    """Say what is done now; what took no time is overwritten by the next."""
    began = time.perf_counter()
    if sys.stdout.isatty():
        print(f"\r  {what:<75}", end="", flush=True)
    connection.execute(statement, values)
    seconds = time.perf_counter() - began
    if seconds >= 1:
        print(f"\r  {what:<75}{seconds:6.1f} s", flush=True)
