"""A database file with very many requests, made by SQLite itself."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from shared.composition import open_store

DAYS = 30
REQUESTS_PER_BATCH = 100
PRAGMAS = ("synchronous = OFF", "journal_mode = WAL", "cache_size = -400000", "temp_store = FILE")

# Request n of :n was received that far from the begin of the period, and ended 20 minutes later.
NUMBERED = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :n),
requests AS (
    SELECT n,
        substr('0000000' || n, -8) || substr(lower(hex(randomblob(12))), 1, 24) AS id,
        strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds') AS at,
        strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n + 1200) || ' seconds') AS later,
        CASE
            WHEN :backlog THEN 'RECEIVED'
            WHEN n > :n - 2000 THEN 'RECEIVED'
            WHEN n > :n - 2200 THEN 'PROCESSING'
            WHEN n > :n - 8000 THEN 'SUBMITTED'
            WHEN n % 20000 = 0 THEN 'HELD'
            WHEN n % 50 = 0 THEN 'FAILED'
            ELSE 'COMPLETED'
        END AS status
    FROM numbers
)
"""
STEPS = {
    "batches": """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :n)
        INSERT INTO batches (batch_id, state, version, batch_name, batch_config_id,
            transaction_data_type, properties, payload_digest, document_count, created_at,
            updated_at, in_flight, attempts, failures, thunderhead_batch_id, polls)
        SELECT substr('0000000' || n, -8) || '000000000000000000000000',
            CASE WHEN n > :n - 80 THEN 'SUBMITTED' WHEN n % 200 = 0 THEN 'HELD' ELSE 'SETTLED' END,
            1, 'OMS', '17095244' || (n % 20), 'application/xml', '[]', '', 100,
            strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds'),
            strftime('%Y-%m-%d %H:%M:%f000', :begin, (n * :seconds / :n) || ' seconds'),
            0, 0, 0, 70000 + n, 1
        FROM numbers""",
    "requests": NUMBERED
    + """
        INSERT INTO document_requests (request_id, source_system, request_correlation_id,
            body_digest, document_type, document_name, language, priority, status, generation,
            version, received_at, updated_at, submitted_at, completed_at, traceparent,
            event_topic, batch_id, due_at, waiting_since, failures, failure_category, failure_code,
            failure_message)
        SELECT id, 'SYSTEM' || (n % 7), 'REQ-' || n, '',
            CASE WHEN n % 3 THEN 'INVOICE' ELSE 'POLICY' END, 'NAME' || (n % 40), 'EN',
            'NORMAL', status, 1, 4, at, later, at,
            CASE WHEN status IN ('COMPLETED', 'FAILED') THEN later END,
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'oms-document-status',
            CASE WHEN status NOT IN ('RECEIVED', 'PROCESSING')
                THEN substr('0000000' || ((n - 1) / 100 + 1), -8) || '000000000000000000000000' END,
            CASE WHEN status = 'RECEIVED' THEN at END,
            CASE WHEN status NOT IN ('COMPLETED', 'FAILED') THEN at END,
            0,
            CASE WHEN status = 'FAILED'
                THEN CASE n % 4 WHEN 0 THEN 'GENERATION' WHEN 2 THEN 'TIMEOUT' END END,
            CASE WHEN status = 'FAILED' THEN 'CODE' || (n % 13) END,
            CASE WHEN status = 'FAILED' THEN 'message' END
        FROM requests""",
    "metadata": """
        INSERT INTO request_metadata (request_id, metadata_key, metadata_value)
        SELECT request_id, 'INVOICE_ID', substr(request_correlation_id, 5) FROM document_requests
        UNION ALL
        SELECT request_id, 'FOOTER_ID', '2' FROM document_requests
        UNION ALL
        SELECT request_id, 'POLICY_ID', substr(request_correlation_id, 5) / 20
        FROM document_requests""",
    "history": """
        INSERT INTO status_history (request_id, generation, from_status, to_status, at, actor,
            batch_id, failure_category, failure_code)
        SELECT request_id, 1, NULL, 'RECEIVED', received_at, 'system', NULL, NULL, NULL
        FROM document_requests
        UNION ALL
        SELECT request_id, 1, 'SUBMITTED', status, completed_at, 'monitoring', batch_id,
            failure_category, failure_code
        FROM document_requests WHERE completed_at IS NOT NULL""",
    "events": """
        INSERT INTO outbox (event_id, request_id, generation, state, topic, traceparent, payload,
            created_at, due_at, attempts, published_at)
        SELECT request_id, request_id, 1,
            CASE WHEN rowid % 1000 = 1 THEN 'PENDING' ELSE 'PUBLISHED' END, 'topic', '',
            zeroblob(600), completed_at,
            CASE WHEN rowid % 1000 = 1 THEN completed_at END, 0,
            CASE WHEN rowid % 1000 = 1 THEN NULL ELSE completed_at END
        FROM document_requests WHERE completed_at IS NOT NULL""",
}


def fill(path: Path, requests: int, now: datetime, *, backlog: bool) -> None:
    """Make the file, and say what it is doing."""
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    values = {
        "begin": f"{now - timedelta(days=DAYS):%Y-%m-%d %H:%M:%S}",
        "seconds": DAYS * 86400.0,
        "backlog": backlog,
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
            number = requests // REQUESTS_PER_BATCH if what == "batches" else requests
            _timed(connection, what, statement, {**values, "n": number})
        for name, statement in indexes:
            _timed(connection, name, statement, {})


def _timed(connection: sqlite3.Connection, what: str, statement: str, values: dict) -> None:
    began = time.perf_counter()
    print(f"  {what:<75}", end="", flush=True)
    connection.execute(statement, values)
    print(f"{time.perf_counter() - began:6.1f} s", flush=True)
