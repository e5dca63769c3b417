"""The tables. Every index exists for one statement, named beside it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Unicode,
    UniqueConstraint,
    text,
)

from shared.domain.statuses import BatchState, FailureCategory, Priority, RequestStatus
from shared.jobs.console_models import Outcome
from shared.store.types import (
    Identifier,
    ShortText,
    UtcTimestamp,
    blob,
    key_text,
    long_text,
    serial,
    word,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: Any) -> CheckConstraint:
    words = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def _only(condition: str) -> dict[str, Any]:
    """Make an index filtered (SQL Server) or partial (SQLite)."""
    return {"mssql_where": text(condition), "sqlite_where": text(condition)}


document_requests = Table(
    "document_requests",
    metadata,
    Column("request_id", Identifier, nullable=False),
    Column("source_system", key_text(50), nullable=False),
    Column("request_correlation_id", key_text(100), nullable=False),
    Column("body_digest", word(64), nullable=False),
    Column("document_type", key_text(50), nullable=False),
    Column("document_name", key_text(50), nullable=False),
    Column("language", key_text(50), nullable=False),
    Column("priority", word(), nullable=False),
    Column("status", word(), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("received_at", UtcTimestamp, nullable=False),
    Column("updated_at", UtcTimestamp, nullable=False),
    Column("submitted_at", UtcTimestamp),
    Column("completed_at", UtcTimestamp),
    # TIMEOUT, but Thunderhead has generated the document after all.
    Column("generated_late_at", UtcTimestamp),
    # Content, metadata and texts of Thunderhead were removed: retention.
    Column("purged_at", UtcTimestamp),
    Column("traceparent", word(55), nullable=False),
    Column("event_topic", key_text(249)),
    Column("batch_id", Identifier, ForeignKey("batches.batch_id")),
    # Waiting, backoff and lease expiry in one: when somebody may take the row.
    # NULL once a batch owns it, and in every status that nobody works on.
    Column("due_at", UtcTimestamp),
    Column("lease_owner", Identifier),
    # Since when it waits for what its status says: RECEIVED and PROCESSING since it was accepted
    # (or ordered to be reprocessed), SUBMITTED and HELD since then. NULL once it has ended.
    Column("waiting_since", UtcTimestamp),
    # Given back without an answer, so many times in a row.
    Column("failures", Integer, nullable=False),
    Column("failure_category", word()),
    Column("failure_code", ShortText(100)),
    Column("failure_message", ShortText(1000)),
    # A random key must not order the rows (here, and in the tables that hang on this one).
    PrimaryKeyConstraint("request_id", mssql_clustered=False),
    # In this order, people find a correlation id whose source system they do not know.
    UniqueConstraint("request_correlation_id", "source_system"),
    _one_of("status", RequestStatus),
    _one_of("priority", Priority),
    _one_of("failure_category", FailureCategory),
)
r = document_requests.c
# claimed_requests.take, one index per status that is claimed
Index(
    "ix_document_requests_received_due",
    r.due_at,
    **_only("status = 'RECEIVED' AND due_at IS NOT NULL"),
)
Index(
    "ix_document_requests_processing_due",
    r.due_at,
    **_only("status = 'PROCESSING' AND due_at IS NOT NULL"),
)
# batched_requests.of, batched_requests.change_status
Index(None, r.batch_id, r.status)
# request_search.page
Index(None, r.received_at, r.request_id, mssql_clustered=True)
Index(None, r.source_system, r.received_at, r.request_id)
# The same by status, and count_by_status. Not by status first: without statistics SQLite would
# take such an index for claims, and sort.
Index(None, r.source_system, r.status, r.received_at, r.request_id)
# request_search.page by a status: few rows have any but COMPLETED
Index(
    "ix_document_requests_unfinished",
    r.status,
    r.received_at,
    r.request_id,
    **_only("status <> 'COMPLETED'"),
)
# request_search.page by what requests failed for
Index(
    "ix_document_requests_failure",
    r.failure_category,
    r.received_at,
    r.request_id,
    **_only("failure_category IS NOT NULL"),
)
# request_search.page by what people know of a document
Index(None, r.document_type, r.received_at, r.request_id)
Index(None, r.document_name, r.received_at, r.request_id)
# request_search.page of what has ended, by the time of its change: that moves once
Index(
    "ix_document_requests_changed",
    r.updated_at,
    r.received_at,
    r.request_id,
    r.waiting_since,  # for SQLite, which would look into each row whether it is NULL
    **_only("waiting_since IS NULL"),
)
# request_search.oldest_waiting
Index(
    "ix_document_requests_waiting",
    r.status,
    r.waiting_since,
    r.request_id,
    **_only("waiting_since IS NOT NULL"),
)
# retention.purge
Index(
    "ix_document_requests_unpurged",
    r.completed_at,
    r.source_system,
    **_only("completed_at IS NOT NULL AND purged_at IS NULL"),
)

request_contents = Table(
    "request_contents",
    metadata,
    Column("request_id", Identifier, ForeignKey("document_requests.request_id"), nullable=False),
    # JSON as it was sent, compressed (zlib).
    Column("content", blob(), nullable=False),
    PrimaryKeyConstraint("request_id", mssql_clustered=False),
)

request_metadata = Table(
    "request_metadata",
    metadata,
    Column("request_id", Identifier, ForeignKey("document_requests.request_id"), nullable=False),
    Column("metadata_key", key_text(50), nullable=False),
    Column("metadata_value", key_text(255), nullable=False),
    PrimaryKeyConstraint("request_id", "metadata_key", mssql_clustered=False),
)
# request_search.page by metadata
Index(
    None,
    request_metadata.c.metadata_key,
    request_metadata.c.metadata_value,
    request_metadata.c.request_id,
)

request_outputs = Table(
    "request_outputs",
    metadata,
    Column("request_id", Identifier, ForeignKey("document_requests.request_id"), nullable=False),
    Column("generation", Integer, nullable=False, autoincrement=False),
    Column("position", Integer, nullable=False, autoincrement=False),
    Column("channel_name", ShortText(255), nullable=False),
    Column("mime_type", ShortText(255)),
    Column("page_count", Integer),
    Column("document_name", ShortText(255)),
    Column("location", ShortText(2000)),
    PrimaryKeyConstraint("request_id", "generation", "position", mssql_clustered=False),
)

status_history = Table(
    "status_history",
    metadata,
    Column("history_id", serial(), primary_key=True),
    Column("request_id", Identifier, ForeignKey("document_requests.request_id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("from_status", word()),
    Column("to_status", word(), nullable=False),
    Column("at", UtcTimestamp, nullable=False),
    Column("actor", ShortText(200), nullable=False),
    Column("reason", ShortText(1000)),
    Column("run_id", Identifier),
    # The batch that carried the generation, where there was one.
    Column("batch_id", Identifier),
    # What a generation failed for: the request's own row forgets it when it is reprocessed.
    Column("failure_category", word()),
    Column("failure_code", ShortText(100)),
)
# history.of
Index(None, status_history.c.request_id, status_history.c.history_id)
# statistics.happened
Index(
    "ix_status_history_ended",
    status_history.c.at,
    **_only("to_status IN ('COMPLETED', 'FAILED')"),
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Identifier, nullable=False),
    Column("state", word(), nullable=False),
    Column("version", Integer, nullable=False),
    Column("batch_name", Unicode(100), nullable=False),
    Column("batch_config_id", key_text(255), nullable=False),
    Column("project_id", Unicode(255)),
    Column("transaction_data_type", word(50), nullable=False),
    Column("properties", long_text(), nullable=False),
    Column("payload_digest", word(64), nullable=False),
    Column("document_count", Integer, nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("updated_at", UtcTimestamp, nullable=False),
    Column("due_at", UtcTimestamp),
    Column("lease_owner", Identifier),
    Column("in_flight", Boolean(create_constraint=False), nullable=False),
    Column("last_send_at", UtcTimestamp),
    Column("unknown_since", UtcTimestamp),
    Column("resend_ordered_at", UtcTimestamp),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("thunderhead_batch_id", key_text(100)),
    Column("submitted_at", UtcTimestamp),
    Column("settled_at", UtcTimestamp),
    Column("vendor_status", ShortText(100)),
    Column("vendor_status_text", ShortText(1000)),
    Column("vendor_started_at", UtcTimestamp),
    Column("vendor_finished_at", UtcTimestamp),
    Column("trans_count", Integer),
    Column("trans_completed", Integer),
    Column("trans_errored", Integer),
    Column("trans_stopped", Integer),
    Column("polls", Integer, nullable=False),
    Column("terminal_since", UtcTimestamp),
    Column("hold_reason", ShortText(1000)),
    PrimaryKeyConstraint("batch_id", mssql_clustered=False),
    _one_of("state", BatchState),
)
b = batches.c
# batches.claim, one index per state that is claimed
Index(
    "ix_batches_submitting_due",
    b.due_at,
    **_only("state = 'SUBMITTING' AND due_at IS NOT NULL"),
)
Index(
    "ix_batches_submitted_due",
    b.due_at,
    **_only("state = 'SUBMITTED' AND due_at IS NOT NULL"),
)
# batches.claim: HELD ones that Thunderhead is asked about again
Index(
    "ix_batches_held_due",
    b.due_at,
    **_only("state = 'HELD' AND due_at IS NOT NULL"),
)
# batches.held
Index("ix_batches_held", b.updated_at, **_only("state = 'HELD'"))
# look-up by the vendor's id, by people
Index(None, b.thunderhead_batch_id)
# batch_search.page; few batches have any state but SETTLED
Index(None, b.created_at, b.batch_id)
Index(None, b.batch_config_id, b.created_at, b.batch_id)
Index("ix_batches_unsettled", b.state, b.created_at, b.batch_id, **_only("state <> 'SETTLED'"))

batch_messages = Table(
    "batch_messages",
    metadata,
    Column("message_id", serial(), primary_key=True),
    Column("batch_id", Identifier, ForeignKey("batches.batch_id"), nullable=False, index=True),
    Column("document_reference", ShortText(100)),
    Column("kind", ShortText(10), nullable=False),
    Column("message_text", long_text(), nullable=False),
    Column("recorded_at", UtcTimestamp, nullable=False),
)

# How long batches of a configuration take, for the time of their first poll: mean and variance
# of the logarithm of seconds, the newer the heavier.
generation_times = Table(
    "generation_times",
    metadata,
    Column("batch_config_id", key_text(255), primary_key=True),
    Column("log_mean", Float, nullable=False),
    Column("log_variance", Float, nullable=False),
    Column("samples", Integer, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Identifier, nullable=False),
    Column("request_id", Identifier, ForeignKey("document_requests.request_id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", word(), nullable=False),
    Column("topic", key_text(249), nullable=False),
    Column("traceparent", word(55), nullable=False),
    Column("payload", blob(), nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("due_at", UtcTimestamp),
    Column("lease_owner", Identifier),
    Column("attempts", Integer, nullable=False),
    Column("published_at", UtcTimestamp),
    Column("last_error", ShortText(1000)),
    PrimaryKeyConstraint("event_id", mssql_clustered=False),
    CheckConstraint("state IN ('PENDING', 'PUBLISHED', 'SET_ASIDE')", name="state"),
)
o = outbox.c
# outbox.claim
Index("ix_outbox_pending_due", o.due_at, **_only("state = 'PENDING' AND due_at IS NOT NULL"))
# retention.purge, outbox.take_up_again
Index(None, o.request_id)
# outbox.depth
Index("ix_outbox_unpublished", o.state, o.created_at, **_only("state <> 'PUBLISHED'"))
# The order of a request's events: the next is not written before the last was published.
Index("uq_outbox_unpublished_request", o.request_id, unique=True, **_only("published_at IS NULL"))

pauses = Table(
    "pauses",
    metadata,
    Column("name", key_text(300), primary_key=True),
    Column("since", UtcTimestamp, nullable=False),
    # NULL: until somebody resumes.
    Column("until", UtcTimestamp),
    Column("failures", Integer, nullable=False),
    Column("reason", ShortText(1000), nullable=False),
    Column("actor", ShortText(200), nullable=False),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", word(50), primary_key=True),
    Column("run_id", Identifier, nullable=False),
    Column("started_at", UtcTimestamp, nullable=False),
    Column("finished_at", UtcTimestamp, nullable=False),
    Column("summary", long_text(), nullable=False),
)

# The audit: orders of people, the refused ones too, and who read what. No personal data.
operator_actions = Table(
    "operator_actions",
    metadata,
    Column("action_id", serial(), primary_key=True),
    Column("at", UtcTimestamp, nullable=False),
    Column("actor", ShortText(200), nullable=False),
    Column("action", word(30), nullable=False),
    Column("target_kind", word(), nullable=False),
    Column("target_id", key_text(300), nullable=False),
    Column("reason", ShortText(1000)),
    # DONE, or the code of the refusal.
    Column("outcome", word(50), nullable=False),
)
a = operator_actions.c
# operator_actions.page
Index(None, a.actor, a.action_id)
Index(None, a.action, a.action_id)
Index(None, a.target_id, a.action_id)

# What happened in each hour (UTC); see docs/decisions/0021.
request_statistics = Table(
    "request_statistics",
    metadata,
    Column("hour_start", UtcTimestamp, nullable=False),
    Column("source_system", key_text(50), nullable=False),
    Column("outcome", word(), nullable=False),
    # Empty where nothing failed: a key has no NULL.
    Column("failure_category", word(), nullable=False),
    Column("failure_code", ShortText(100), nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint(
        "hour_start", "source_system", "outcome", "failure_category", "failure_code"
    ),
    _one_of("outcome", Outcome),
)

# How far the statistics are: one row.
statistics_mark = Table(
    "statistics_mark",
    metadata,
    Column("mark_id", Integer, primary_key=True, autoincrement=False),
    Column("closed_until", UtcTimestamp, nullable=False),
    Column("counted_until", UtcTimestamp),
    Column("version", Integer, nullable=False),
)
