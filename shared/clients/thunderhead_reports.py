"""What Thunderhead reports of a batch and its documents (contracts, section 3).

Pure: an answer in, a value out. Lenient in what does not matter (counts, times, texts),
strict in what does: a status that cannot be read is no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from shared.clients import lenient
from shared.clients.http import Response
from shared.clients.thunderhead_answers import call_failed, object_of
from shared.domain.models import BatchCounts, JobMessage, Output
from shared.domain.retrying import parse_retry_after
from shared.domain.thunderhead import (
    BatchReport,
    CallFailed,
    DocumentReport,
    DocumentStatus,
    NotVisible,
    Poll,
)

_MAX_MESSAGES = 1000
_MAX_MESSAGE_TEXT = 4000


def parse_poll(answer: Response, now: datetime) -> Poll:
    """Read the answer to `GET /batches/{batchId}`."""
    if answer.status == 404:
        return NotVisible()
    if answer.status != 200:
        return call_failed(answer, now)
    body = object_of(answer)
    status = lenient.text(body.get("status"), lenient.MAX_ID)
    if not status:
        return CallFailed("unreadable answer to a poll")
    return BatchReport(
        vendor_status=status.strip().upper(),
        status_text=lenient.text(body.get("statusText")),
        counts=BatchCounts(
            total=lenient.count(body.get("transCount")),
            completed=lenient.count(body.get("transCompleted")),
            errored=lenient.count(body.get("transErrored")),
            stopped=lenient.count(body.get("transStopped")),
        ),
        started_at=lenient.moment(body.get("startTime")),
        finished_at=lenient.moment(body.get("finishTime")),
        messages=tuple(_messages(body)),
        retry_after=parse_retry_after(answer.headers.get("Retry-After"), now),
        client_reference=lenient.text(body.get("clientReference"), lenient.MAX_ID),
    )


def parse_documents(
    answer: Response, now: datetime
) -> tuple[list[DocumentReport], str | None] | CallFailed:
    """Read one page of `GET /batches/{batchId}/documents`: reports and the next cursor."""
    if answer.status != 200:
        return call_failed(answer, now)
    match object_of(answer):
        case {"items": list(items), **others}:
            reports = [report for item in lenient.objects(items) if (report := _document(item))]
            match others.get("nextCursor"):
                case None | "":
                    return reports, None
                case str() | int() as cursor:
                    return reports, str(cursor)
    return CallFailed("unreadable page of documents")


def merge(first: DocumentReport, second: DocumentReport) -> DocumentReport:
    """Join two reports of one document, as pages give them while documents move on.

    An outcome outweighs PENDING; two outcomes that contradict each other are none.
    """
    if first.status is second.status or second.status is DocumentStatus.PENDING:
        return first
    if first.status is DocumentStatus.PENDING:
        return second
    return DocumentReport(first.document_reference, DocumentStatus.PENDING)


def _messages(body: dict[str, Any]) -> Iterator[JobMessage]:
    for message in islice(lenient.objects(body.get("jobMessages")), _MAX_MESSAGES):
        if words := lenient.text(message.get("msgText"), _MAX_MESSAGE_TEXT):
            yield JobMessage(
                lenient.text(message.get("msgType"), 10) or "I",
                words,
                lenient.text(message.get("documentReference"), lenient.MAX_ID),
            )


def _document(item: dict[str, Any]) -> DocumentReport | None:
    reference = lenient.text(item.get("documentReference"), lenient.MAX_ID)
    if reference is None:
        return None
    error = next(lenient.objects(item.get("errors")), {})
    return DocumentReport(
        reference,
        _document_status(item.get("status")),
        tuple(map(_output, lenient.objects(item.get("channels")))),
        lenient.text(error.get("code"), lenient.MAX_ID),
        lenient.text(error.get("message")),
    )


def _document_status(value: Any) -> DocumentStatus:
    try:
        return DocumentStatus(str(value).strip().upper())
    except ValueError:  # one we do not know is no verdict
        return DocumentStatus.PENDING


def _output(channel: dict[str, Any]) -> Output:
    return Output(
        channel_name=lenient.text(channel.get("channelName"), 255) or "UNKNOWN",
        mime_type=lenient.text(channel.get("mimeType"), 255),
        page_count=lenient.count(channel.get("pageCount")),
        document_name=lenient.text(channel.get("documentName"), 255),
        location=lenient.text(channel.get("partLocation"), 2000),
    )
