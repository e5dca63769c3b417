"""Rows of batches and batch_messages: how they are written, and a batch is read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from shared.domain.models import Batch, JobMessage
from shared.domain.statuses import BatchState
from shared.domain.thunderhead import BatchReport


def report_values(report: BatchReport) -> dict[str, Any]:
    """Return what the vendor's words set a row to."""
    return {
        "vendor_status": report.vendor_status,
        "vendor_status_text": report.status_text,
        "vendor_started_at": report.started_at,
        "vendor_finished_at": report.finished_at,
        "trans_count": report.counts.total,
        "trans_completed": report.counts.completed,
        "trans_errored": report.counts.errored,
        "trans_stopped": report.counts.stopped,
    }


def to_row(batch: Batch) -> dict[str, Any]:
    """Write a new batch as a row."""
    return {
        "batch_id": batch.batch_id,
        "state": batch.state.value,
        "version": batch.version,
        "batch_name": batch.batch_name,
        "batch_config_id": batch.batch_config_id,
        "project_id": batch.project_id,
        "transaction_data_type": batch.transaction_data_type,
        "properties": json.dumps(batch.properties),
        "payload_digest": batch.payload_digest,
        "document_count": batch.document_count,
        "created_at": batch.created_at,
        "updated_at": batch.created_at,
        "due_at": batch.leased_until,
        "lease_owner": batch.lease_owner,
        "in_flight": batch.in_flight,
        "last_send_at": batch.last_send_at,
        "attempts": batch.attempts,
        "failures": batch.failures,
        "polls": batch.polls,
    }


def message_row(batch_id: UUID, message: JobMessage, now: datetime) -> dict[str, Any]:
    """Write a job message as a row."""
    return {
        "batch_id": batch_id,
        "document_reference": message.document_reference,
        "kind": message.kind,
        "message_text": message.text,
        "recorded_at": now,
    }


def to_batch(row: Row[Any]) -> Batch:
    """Read a row of batches."""
    return Batch(
        batch_id=row.batch_id,
        state=BatchState(row.state),
        version=row.version,
        batch_name=row.batch_name,
        batch_config_id=row.batch_config_id,
        project_id=row.project_id,
        transaction_data_type=row.transaction_data_type,
        properties=tuple((name, value) for name, value in json.loads(row.properties)),
        payload_digest=row.payload_digest,
        document_count=row.document_count,
        created_at=row.created_at,
        in_flight=row.in_flight,
        last_send_at=row.last_send_at,
        unknown_since=row.unknown_since,
        resend_ordered_at=row.resend_ordered_at,
        attempts=row.attempts,
        failures=row.failures,
        thunderhead_batch_id=row.thunderhead_batch_id,
        submitted_at=row.submitted_at,
        polls=row.polls,
        terminal_since=row.terminal_since,
        lease_owner=row.lease_owner,
        leased_until=row.due_at,
        vendor_status=row.vendor_status,
        hold_reason=row.hold_reason,
    )
