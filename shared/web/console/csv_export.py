"""Requests as CSV, of which no cell is a formula to a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from shared.domain.models import DocumentRequest
from shared.domain.timing import rfc3339
from shared.jobs.queries import MOST_EXPORTED

_COLUMNS = (
    "requestId",
    "sourceSystem",
    "requestCorrelationId",
    "documentType",
    "documentName",
    "language",
    "priority",
    "status",
    "generation",
    "receivedAt",
    "updatedAt",
    "submittedAt",
    "completedAt",
    "batchId",
    "thunderheadBatchId",
    "failureCategory",
    "failureCode",
    "failureMessage",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CAPPED = f"Only the newest {MOST_EXPORTED} requests are here; narrow the filters for the others."


def to_csv(requests: Iterable[DocumentRequest]) -> str:
    """Write requests, and a last line that says so where the export was capped."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    count = 0
    for request in requests:
        writer.writerow([plain(value) for value in _cells(request)])
        count += 1
    if count >= MOST_EXPORTED:
        writer.writerow([_CAPPED])
    return text.getvalue()


def plain(value: object) -> str:
    """Return a cell that no spreadsheet calculates: a quote stands before what would be."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cells(request: DocumentRequest) -> tuple[object, ...]:
    moments = (request.received_at, request.updated_at, request.submitted_at, request.completed_at)
    failure = request.failure
    return (
        request.request_id,
        request.source_system,
        request.request_correlation_id,
        request.document_type,
        request.document_name,
        request.language,
        request.priority,
        request.status,
        request.generation,
        *(rfc3339(moment) if moment else None for moment in moments),
        request.batch_id,
        request.thunderhead_batch_id,
        *((failure.category, failure.code, failure.message) if failure else (None, None, None)),
    )
