"""Operators' recovery, generation times, retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.store.types import UtcTimestamp, key_text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNPURGED = sa.text("completed_at IS NOT NULL AND purged_at IS NULL")
_HELD = sa.text("state = 'HELD'")
_HELD_DUE = sa.text("state = 'HELD' AND due_at IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "generation_times",
        sa.Column("batch_config_id", key_text(255), nullable=False),
        sa.Column("log_mean", sa.Float(), nullable=False),
        sa.Column("log_variance", sa.Float(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_config_id", name=op.f("pk_generation_times")),
    )
    op.add_column("batches", sa.Column("resend_ordered_at", UtcTimestamp(), nullable=True))
    op.create_index(
        "ix_batches_held_due",
        "batches",
        ["due_at"],
        mssql_where=_HELD_DUE,
        sqlite_where=_HELD_DUE,
    )
    op.create_index(
        "ix_batches_held", "batches", ["updated_at"], mssql_where=_HELD, sqlite_where=_HELD
    )
    op.add_column(
        "document_requests", sa.Column("generated_late_at", UtcTimestamp(), nullable=True)
    )
    op.add_column("document_requests", sa.Column("purged_at", UtcTimestamp(), nullable=True))
    op.create_index(
        "ix_document_requests_unpurged",
        "document_requests",
        ["completed_at", "source_system"],
        mssql_where=_UNPURGED,
        sqlite_where=_UNPURGED,
    )
    op.add_column("status_history", sa.Column("batch_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("status_history", "batch_id")
    op.drop_index("ix_document_requests_unpurged", table_name="document_requests")
    op.drop_column("document_requests", "purged_at")
    op.drop_column("document_requests", "generated_late_at")
    op.drop_index("ix_batches_held", table_name="batches")
    op.drop_index("ix_batches_held_due", table_name="batches")
    op.drop_column("batches", "resend_ordered_at")
    op.drop_table("generation_times")
