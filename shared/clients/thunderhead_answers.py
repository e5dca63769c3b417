"""What Thunderhead answers to a submission, a look-up, a cancellation (contracts, section 3).

Pure: an answer in, a value out. A batch id that cannot be read is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.clients import lenient
from shared.clients.http import Response, UnreadableBodyError
from shared.domain.retrying import parse_retry_after
from shared.domain.thunderhead import (
    Accepted,
    CallFailed,
    Cancellation,
    DocumentProblem,
    Duplicate,
    Forbidden,
    Found,
    Lookup,
    NotFound,
    Rejected,
    Submission,
    Throttled,
    TooLarge,
    Unexpected,
    Unknown,
)


def parse_submission(answer: Response, now: datetime) -> Submission:  # noqa: PLR0911
    """Read the answer to `POST /batches`."""
    retry_after = parse_retry_after(answer.headers.get("Retry-After"), now)
    body = object_of(answer)
    match answer.status:
        case status if 200 <= status < 300:
            if batch_id := lenient.identifier(body.get("batchId")):
                return Accepted(batch_id, retry_after)
            return Unknown(f"Thunderhead answered {status} without a batch id", retry_after)
        case 400 | 415 | 422:
            return Rejected(tuple(_problems(body)))
        case 401 | 403:
            return Forbidden(f"Thunderhead answered {answer.status}")
        case 409 if body.get("code") == "DUPLICATE_CLIENT_REFERENCE" and (
            existing := lenient.identifier(body.get("existingBatchId"))
        ):
            return Duplicate(existing)
        case 413:
            return TooLarge()
        case 429:
            return Throttled(retry_after)
        case status if status >= 500:
            return Unknown(f"Thunderhead answered {status}", retry_after)
        case status:
            return Unexpected(f"Thunderhead answered {status}")


def parse_lookup(answer: Response, client_reference: str, now: datetime) -> Lookup:
    """Read the answer to `GET /batches?clientReference=`."""
    if answer.status != 200:
        return call_failed(answer, now)
    items = object_of(answer).get("items")
    if not isinstance(items, list):
        return CallFailed("unreadable answer to a look-up")
    if not items:
        return NotFound()
    for item in lenient.objects(items):
        # A server that ignores the filter answers with other people's batches.
        is_ours = item.get("clientReference") in (client_reference, None)
        if is_ours and (batch_id := lenient.identifier(item.get("batchId"))):
            return Found(batch_id)
    return CallFailed("a look-up answered with other batches than the one asked for")


def parse_cancel(answer: Response) -> Cancellation:
    """Read the answer to `POST /batches/{batchId}/cancel`."""
    match answer.status:
        case status if 200 <= status < 300:
            return Cancellation.ACCEPTED
        case 409 if object_of(answer).get("code") == "BATCH_TERMINAL":
            return Cancellation.ACCEPTED
        case 401 | 403 | 429:
            return Cancellation.FAILED
        case status if 400 <= status < 500:
            return Cancellation.REFUSED
        case _:
            return Cancellation.FAILED


def call_failed(answer: Response, now: datetime) -> CallFailed:
    """Say that an answer is no verdict on a batch."""
    return CallFailed(
        f"Thunderhead answered {answer.status}",
        parse_retry_after(answer.headers.get("Retry-After"), now),
        refused=answer.status in (401, 403, 429),
    )


def object_of(answer: Response) -> dict[str, Any]:
    """Return the body if it is a JSON object, else an empty one."""
    try:
        body = answer.json()
    except UnreadableBodyError:
        return {}
    return body if isinstance(body, dict) else {}


def _problems(body: dict[str, Any]) -> Iterator[DocumentProblem]:
    """Yield what `errors` names; where it names nothing, the problem as a whole."""
    for error in list(lenient.objects(body.get("errors"))) or [body]:
        yield DocumentProblem(
            lenient.text(error.get("documentReference"), lenient.MAX_ID),
            lenient.text(error.get("code"), lenient.MAX_ID)
            or lenient.text(body.get("code"), lenient.MAX_ID)
            or "REJECTED",
            lenient.text(error.get("message"))
            or lenient.text(error.get("detail"))
            or "Thunderhead refused it.",
        )
