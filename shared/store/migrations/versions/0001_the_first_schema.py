"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.store.types import UtcTimestamp, blob, key_text, long_text, serial, word

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("state", word(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("batch_name", sa.Unicode(length=100), nullable=False),
        sa.Column("batch_config_id", key_text(255), nullable=False),
        sa.Column("project_id", sa.Unicode(length=255), nullable=True),
        sa.Column("transaction_data_type", word(50), nullable=False),
        sa.Column("properties", long_text(), nullable=False),
        sa.Column("payload_digest", word(64), nullable=False),
        sa.Column("document_count", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("updated_at", UtcTimestamp(), nullable=False),
        sa.Column("due_at", UtcTimestamp(), nullable=True),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("in_flight", sa.Boolean(), nullable=False),
        sa.Column("last_send_at", UtcTimestamp(), nullable=True),
        sa.Column("unknown_since", UtcTimestamp(), nullable=True),
        sa.Column("resend_ordered_at", UtcTimestamp(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("thunderhead_batch_id", key_text(100), nullable=True),
        sa.Column("submitted_at", UtcTimestamp(), nullable=True),
        sa.Column("settled_at", UtcTimestamp(), nullable=True),
        sa.Column("vendor_status", sa.Unicode(length=100), nullable=True),
        sa.Column("vendor_status_text", sa.Unicode(length=1000), nullable=True),
        sa.Column("vendor_started_at", UtcTimestamp(), nullable=True),
        sa.Column("vendor_finished_at", UtcTimestamp(), nullable=True),
        sa.Column("trans_count", sa.Integer(), nullable=True),
        sa.Column("trans_completed", sa.Integer(), nullable=True),
        sa.Column("trans_errored", sa.Integer(), nullable=True),
        sa.Column("trans_stopped", sa.Integer(), nullable=True),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("terminal_since", UtcTimestamp(), nullable=True),
        sa.Column("hold_reason", sa.Unicode(length=1000), nullable=True),
        sa.CheckConstraint(
            "state IN ('SUBMITTING', 'SUBMITTED', 'SETTLED', 'HELD', 'DISSOLVED')",
            name=op.f("ck_batches_state"),
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches"), mssql_clustered=False),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_batches_submitted_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("state = 'SUBMITTED' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("state = 'SUBMITTED' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_batches_held",
            ["updated_at"],
            unique=False,
            mssql_where=sa.text("state = 'HELD'"),
            sqlite_where=sa.text("state = 'HELD'"),
        )
        batch_op.create_index(
            "ix_batches_held_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("state = 'HELD' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("state = 'HELD' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_batches_submitting_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("state = 'SUBMITTING' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("state = 'SUBMITTING' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_batches_thunderhead_batch_id"), ["thunderhead_batch_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_batches_created_at_batch_id"), ["created_at", "batch_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_batches_batch_config_id_created_at_batch_id"),
            ["batch_config_id", "created_at", "batch_id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_batches_unsettled",
            ["state", "created_at", "batch_id"],
            unique=False,
            mssql_where=sa.text("state <> 'SETTLED'"),
            sqlite_where=sa.text("state <> 'SETTLED'"),
        )

    op.create_table(
        "generation_times",
        sa.Column("batch_config_id", key_text(255), nullable=False),
        sa.Column("log_mean", sa.Float(), nullable=False),
        sa.Column("log_variance", sa.Float(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_config_id", name=op.f("pk_generation_times")),
    )
    op.create_table(
        "job_runs",
        sa.Column("job", word(50), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", UtcTimestamp(), nullable=False),
        sa.Column("finished_at", UtcTimestamp(), nullable=False),
        sa.Column("summary", long_text(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "operator_actions",
        sa.Column("action_id", serial(), nullable=False),
        sa.Column("at", UtcTimestamp(), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("action", word(30), nullable=False),
        sa.Column("target_kind", word(), nullable=False),
        sa.Column("target_id", key_text(300), nullable=False),
        sa.Column("reason", sa.Unicode(length=1000), nullable=True),
        sa.Column("outcome", word(50), nullable=False),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_operator_actions")),
    )
    with op.batch_alter_table("operator_actions", schema=None) as batch_op:
        for column in ("actor", "action", "target_id"):
            batch_op.create_index(
                batch_op.f(f"ix_operator_actions_{column}_action_id"),
                [column, "action_id"],
                unique=False,
            )

    op.create_table(
        "request_statistics",
        sa.Column("hour_start", UtcTimestamp(), nullable=False),
        sa.Column("source_system", key_text(50), nullable=False),
        sa.Column("outcome", word(), nullable=False),
        sa.Column("failure_category", word(), nullable=False),
        sa.Column("failure_code", sa.Unicode(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('ACCEPTED', 'COMPLETED', 'FAILED')",
            name=op.f("ck_request_statistics_outcome"),
        ),
        sa.PrimaryKeyConstraint(
            "hour_start",
            "source_system",
            "outcome",
            "failure_category",
            "failure_code",
            name=op.f("pk_request_statistics"),
        ),
    )
    op.create_table(
        "statistics_mark",
        sa.Column("mark_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_until", UtcTimestamp(), nullable=False),
        sa.Column("counted_until", UtcTimestamp(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mark_id", name=op.f("pk_statistics_mark")),
    )
    op.create_table(
        "pauses",
        sa.Column("name", key_text(300), nullable=False),
        sa.Column("since", UtcTimestamp(), nullable=False),
        sa.Column("until", UtcTimestamp(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Unicode(length=1000), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pauses")),
    )
    op.create_table(
        "batch_messages",
        sa.Column("message_id", serial(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("document_reference", sa.Unicode(length=100), nullable=True),
        sa.Column("kind", sa.Unicode(length=10), nullable=False),
        sa.Column("message_text", long_text(), nullable=False),
        sa.Column("recorded_at", UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name=op.f("fk_batch_messages_batch_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_batch_messages")),
    )
    with op.batch_alter_table("batch_messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_messages_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "document_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("source_system", key_text(50), nullable=False),
        sa.Column("request_correlation_id", key_text(100), nullable=False),
        sa.Column("body_digest", word(64), nullable=False),
        sa.Column("document_type", key_text(50), nullable=False),
        sa.Column("document_name", key_text(50), nullable=False),
        sa.Column("language", key_text(50), nullable=False),
        sa.Column("priority", word(), nullable=False),
        sa.Column("status", word(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcTimestamp(), nullable=False),
        sa.Column("updated_at", UtcTimestamp(), nullable=False),
        sa.Column("submitted_at", UtcTimestamp(), nullable=True),
        sa.Column("completed_at", UtcTimestamp(), nullable=True),
        sa.Column("generated_late_at", UtcTimestamp(), nullable=True),
        sa.Column("purged_at", UtcTimestamp(), nullable=True),
        sa.Column("traceparent", word(55), nullable=False),
        sa.Column("event_topic", key_text(249), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", UtcTimestamp(), nullable=True),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("waiting_since", UtcTimestamp(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failure_category", word(), nullable=True),
        sa.Column("failure_code", sa.Unicode(length=100), nullable=True),
        sa.Column("failure_message", sa.Unicode(length=1000), nullable=True),
        sa.CheckConstraint(
            "failure_category IN ('ENRICHMENT', 'SUBMISSION', 'GENERATION', 'TIMEOUT', 'CANCELLED', 'ABANDONED')",
            name=op.f("ck_document_requests_failure_category"),
        ),
        sa.CheckConstraint(
            "priority IN ('LOW', 'NORMAL', 'HIGH')", name=op.f("ck_document_requests_priority")
        ),
        sa.CheckConstraint(
            "status IN ('RECEIVED', 'PROCESSING', 'SUBMITTED', 'COMPLETED', 'FAILED', 'HELD')",
            name=op.f("ck_document_requests_status"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name=op.f("fk_document_requests_batch_id")
        ),
        sa.PrimaryKeyConstraint(
            "request_id", name=op.f("pk_document_requests"), mssql_clustered=False
        ),
        sa.UniqueConstraint(
            "request_correlation_id",
            "source_system",
            name=op.f("uq_document_requests_request_correlation_id_source_system"),
        ),
    )
    with op.batch_alter_table("document_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_document_requests_batch_id_status"), ["batch_id", "status"], unique=False
        )
        batch_op.create_index(
            "ix_document_requests_unfinished",
            ["status", "received_at", "request_id"],
            unique=False,
            mssql_where=sa.text("status <> 'COMPLETED'"),
            sqlite_where=sa.text("status <> 'COMPLETED'"),
        )
        batch_op.create_index(
            "ix_document_requests_failure",
            ["failure_category", "received_at", "request_id"],
            unique=False,
            mssql_where=sa.text("failure_category IS NOT NULL"),
            sqlite_where=sa.text("failure_category IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_document_requests_changed",
            ["updated_at", "received_at", "request_id", "waiting_since"],
            unique=False,
            mssql_where=sa.text("waiting_since IS NULL"),
            sqlite_where=sa.text("waiting_since IS NULL"),
        )
        batch_op.create_index(
            "ix_document_requests_waiting",
            ["status", "waiting_since", "request_id"],
            unique=False,
            mssql_where=sa.text("waiting_since IS NOT NULL"),
            sqlite_where=sa.text("waiting_since IS NOT NULL"),
        )
        for column in ("document_type", "document_name"):
            batch_op.create_index(
                batch_op.f(f"ix_document_requests_{column}_received_at_request_id"),
                [column, "received_at", "request_id"],
                unique=False,
            )
        batch_op.create_index(
            "ix_document_requests_unpurged",
            ["completed_at", "source_system"],
            unique=False,
            mssql_where=sa.text("completed_at IS NOT NULL AND purged_at IS NULL"),
            sqlite_where=sa.text("completed_at IS NOT NULL AND purged_at IS NULL"),
        )
        batch_op.create_index(
            "ix_document_requests_processing_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("status = 'PROCESSING' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("status = 'PROCESSING' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_document_requests_received_at_request_id"),
            ["received_at", "request_id"],
            unique=False,
            mssql_clustered=True,
        )
        batch_op.create_index(
            "ix_document_requests_received_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("status = 'RECEIVED' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("status = 'RECEIVED' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_document_requests_source_system_received_at_request_id"),
            ["source_system", "received_at", "request_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_document_requests_source_system_status_received_at_request_id"),
            ["source_system", "status", "received_at", "request_id"],
            unique=False,
        )

    op.create_table(
        "outbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", word(), nullable=False),
        sa.Column("topic", key_text(249), nullable=False),
        sa.Column("traceparent", word(55), nullable=False),
        sa.Column("payload", blob(), nullable=False),
        sa.Column("created_at", UtcTimestamp(), nullable=False),
        sa.Column("due_at", UtcTimestamp(), nullable=True),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("published_at", UtcTimestamp(), nullable=True),
        sa.Column("last_error", sa.Unicode(length=1000), nullable=True),
        sa.CheckConstraint(
            "state IN ('PENDING', 'PUBLISHED', 'SET_ASIDE')", name=op.f("ck_outbox_state")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["document_requests.request_id"], name=op.f("fk_outbox_request_id")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_outbox"), mssql_clustered=False),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_pending_due",
            ["due_at"],
            unique=False,
            mssql_where=sa.text("state = 'PENDING' AND due_at IS NOT NULL"),
            sqlite_where=sa.text("state = 'PENDING' AND due_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_outbox_request_id"), ["request_id"], unique=False)
        batch_op.create_index(
            "ix_outbox_unpublished",
            ["state", "created_at"],
            unique=False,
            mssql_where=sa.text("state <> 'PUBLISHED'"),
            sqlite_where=sa.text("state <> 'PUBLISHED'"),
        )
        batch_op.create_index(
            "uq_outbox_unpublished_request",
            ["request_id"],
            unique=True,
            mssql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        )

    op.create_table(
        "request_contents",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("content", blob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["document_requests.request_id"],
            name=op.f("fk_request_contents_request_id"),
        ),
        sa.PrimaryKeyConstraint(
            "request_id", name=op.f("pk_request_contents"), mssql_clustered=False
        ),
    )
    op.create_table(
        "request_metadata",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("metadata_key", key_text(50), nullable=False),
        sa.Column("metadata_value", key_text(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["document_requests.request_id"],
            name=op.f("fk_request_metadata_request_id"),
        ),
        sa.PrimaryKeyConstraint(
            "request_id", "metadata_key", name=op.f("pk_request_metadata"), mssql_clustered=False
        ),
    )
    with op.batch_alter_table("request_metadata", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_request_metadata_metadata_key_metadata_value_request_id"),
            ["metadata_key", "metadata_value", "request_id"],
            unique=False,
        )

    op.create_table(
        "request_outputs",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel_name", sa.Unicode(length=255), nullable=False),
        sa.Column("mime_type", sa.Unicode(length=255), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("document_name", sa.Unicode(length=255), nullable=True),
        sa.Column("location", sa.Unicode(length=2000), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["document_requests.request_id"],
            name=op.f("fk_request_outputs_request_id"),
        ),
        sa.PrimaryKeyConstraint(
            "request_id",
            "generation",
            "position",
            name=op.f("pk_request_outputs"),
            mssql_clustered=False,
        ),
    )
    op.create_table(
        "status_history",
        sa.Column("history_id", serial(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("from_status", word(), nullable=True),
        sa.Column("to_status", word(), nullable=False),
        sa.Column("at", UtcTimestamp(), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("reason", sa.Unicode(length=1000), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("failure_category", word(), nullable=True),
        sa.Column("failure_code", sa.Unicode(length=100), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["document_requests.request_id"],
            name=op.f("fk_status_history_request_id"),
        ),
        sa.PrimaryKeyConstraint("history_id", name=op.f("pk_status_history")),
    )
    with op.batch_alter_table("status_history", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_status_history_request_id_history_id"),
            ["request_id", "history_id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_status_history_ended",
            ["at"],
            unique=False,
            mssql_where=sa.text("to_status IN ('COMPLETED', 'FAILED')"),
            sqlite_where=sa.text("to_status IN ('COMPLETED', 'FAILED')"),
        )


def downgrade() -> None:
    """Take back."""
    op.drop_table("status_history")
    op.drop_table("request_outputs")
    op.drop_table("request_metadata")
    op.drop_table("request_contents")
    op.drop_table("outbox")
    op.drop_table("document_requests")
    op.drop_table("batch_messages")
    op.drop_table("pauses")
    op.drop_table("statistics_mark")
    op.drop_table("request_statistics")
    op.drop_table("operator_actions")
    op.drop_table("generation_times")
    op.drop_table("job_runs")
    op.drop_table("batches")
