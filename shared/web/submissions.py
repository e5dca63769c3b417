"""Submitting requests: one, or several in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Response

from shared import tracing
from shared.domain import strict_json
from shared.domain.models import NewRequest
from shared.domain.resource import to_resource
from shared.jobs.intake import Answer, Arrival, Invalid, Replayed, Reused, Stored, Unverifiable
from shared.web.answers import BatchAnswer, DocumentRequestAnswer
from shared.web.bodies import (
    MAX_BATCH_BYTES,
    MAX_REQUEST_BYTES,
    DocumentRequestBatchBody,
    DocumentRequestBody,
    read_document_request,
    read_items,
)
from shared.web.body_reading import read_json_body
from shared.web.calls import AuthenticatedCall, Call, CallRoute
from shared.web.group_commit import GroupCommit
from shared.web.json_answer import JsonAnswer
from shared.web.openapi import answer, json_body, links_to
from shared.web.problem_answers import (
    BATCH_TOO_LARGE,
    BODY_TOO_LARGE,
    DATABASE_OUT_AT_WRITE,
    FORBIDDEN_SYSTEM,
    INVALID_BODY,
    MALFORMED,
    NO_REFERENCE_DATA,
    NOT_JSON,
    REUSED,
    problems,
)
from shared.web.problems import (
    REFERENCE_DATA_UNAVAILABLE,
    Problem,
    Refusal,
    correlation_id_reused,
    forbidden_source_system,
    malformed_json,
    payload_too_large,
    validation_error,
)
from shared.web.threads import in_thread

router = APIRouter(route_class=CallRoute)

Outcome = Answer | Problem


class Single(NamedTuple):
    """A call that submits one request, with its body."""

    call: Call
    body: bytes


_NEXT = links_to("getDocumentRequest", "getDocumentRequestHistory", "cancelDocumentRequest")


@router.post(
    "/document-requests",
    operation_id="submitDocumentRequest",
    summary="Submit a request",
    description="202 once the request is stored. The same request again answers 200 with the "
    "first one and `Idempotent-Replayed: true`.",
    status_code=202,
    responses={
        200: _NEXT
        | answer(DocumentRequestAnswer, "It was stored before.", "Idempotent-Replayed", "Location"),
        202: _NEXT | answer(DocumentRequestAnswer, "It is stored.", "Location"),
        **problems(
            MALFORMED,
            FORBIDDEN_SYSTEM,
            REUSED,
            BODY_TOO_LARGE,
            NOT_JSON,
            INVALID_BODY,
            DATABASE_OUT_AT_WRITE,
            NO_REFERENCE_DATA,
        ),
    },
    openapi_extra=json_body(DocumentRequestBody),
)
async def submit_document_request(call: AuthenticatedCall) -> Response:
    """Read the body, then leave the event loop, together with calls that wait for the same."""
    body = await read_json_body(call.request, MAX_REQUEST_BYTES)
    submit: GroupCommit[Single, Outcome] = call.request.app.state.submit
    return _answer_one(call, await submit(Single(call, body)))


@router.post(
    "/document-requests/batch",
    operation_id="submitDocumentRequestBatch",
    summary="Submit up to 500 requests",
    description="Each item is taken or refused on its own terms; those taken are stored together.",
    status_code=207,
    responses={
        207: answer(BatchAnswer, "What became of each item."),
        **problems(MALFORMED, BATCH_TOO_LARGE, NOT_JSON, INVALID_BODY, DATABASE_OUT_AT_WRITE),
    },
    openapi_extra=json_body(DocumentRequestBatchBody),
)
async def submit_document_request_batch(call: AuthenticatedCall) -> Response:
    """Read the body, then leave the event loop for everything else."""
    body = await read_json_body(call.request, MAX_BATCH_BYTES)
    return await in_thread(_submit_batch, call, body)


def submit_singles(singles: Sequence[Single]) -> list[Outcome]:
    """Submit the requests of some calls together, in the trace of the first."""
    tracing.link_to(single.call.traceparent for single in singles[1:])
    return _submit([(single.call, partial(_read_single, single)) for single in singles])


def _answer_one(call: Call, outcome: Outcome) -> Response:
    if not isinstance(outcome, Stored | Replayed):
        raise Refusal(_problem_of(outcome))
    headers = {"Location": f"{call.request.scope['path']}/{outcome.request.request_id}"}
    if isinstance(outcome, Replayed):
        headers["Idempotent-Replayed"] = "true"
    return JsonAnswer(to_resource(outcome.request), _status_of(outcome), headers)


def _submit_batch(call: Call, body: bytes) -> Response:
    items = read_items(_parse(body))
    outcomes = _submit([(call, partial(_read_item, call, item, len(body))) for item in items])
    answers = [_item(call, index, outcome) for index, outcome in enumerate(outcomes)]
    return JsonAnswer({"items": answers}, 207)


def _submit(readings: Sequence[tuple[Call, Callable[[], NewRequest]]]) -> list[Outcome]:
    """Submit what can be read."""
    outcomes: dict[int, Outcome] = {}
    arrivals: dict[int, Arrival] = {}
    for index, (call, read) in enumerate(readings):
        try:
            arrivals[index] = Arrival(read(), call.caller.name, call.traceparent)
        except Refusal as refusal:
            outcomes[index] = refusal.problem
    if arrivals:
        intake = readings[0][0].services.intake
        outcomes |= zip(arrivals, intake.submit(list(arrivals.values())), strict=True)
    return [outcomes[index] for index in range(len(readings))]


def _read_single(single: Single) -> NewRequest:
    return _read(single.call, _parse(single.body))


def _read_item(call: Call, tree: Any, size_of_call: int) -> NewRequest:
    request = _read(call, tree)
    _limit_size(request, size_of_call)
    return request


def _parse(body: bytes) -> Any:
    try:
        return strict_json.loads(body)
    except strict_json.MalformedJson as error:
        raise Refusal(malformed_json(error.field, str(error))) from None


def _read(call: Call, tree: Any) -> NewRequest:
    """Read a request that this caller may submit. Raises Refusal."""
    request = read_document_request(tree)
    if not call.caller.may_use(request.source_system):
        raise Refusal(forbidden_source_system())
    return request


def _limit_size(request: NewRequest, size_of_call: int) -> None:
    """Hold an item to the limit of a single request. Raises Refusal."""
    if size_of_call <= MAX_REQUEST_BYTES:
        return
    if len(strict_json.dumps(request.content)) > MAX_REQUEST_BYTES:
        raise Refusal(payload_too_large("The content of an item", MAX_REQUEST_BYTES))


def _status_of(answer: Stored | Replayed) -> int:
    return 202 if isinstance(answer, Stored) else 200


def _problem_of(outcome: Invalid | Reused | Unverifiable | Problem) -> Problem:
    match outcome:
        case Problem():
            return outcome
        case Invalid(violations):
            return validation_error(violations)
        case Reused(request_id):
            return correlation_id_reused(request_id)
        case Unverifiable():
            return REFERENCE_DATA_UNAVAILABLE


def _item(call: Call, index: int, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Stored | Replayed):
        return {
            "index": index,
            "status": _status_of(outcome),
            "requestId": str(outcome.request.request_id),
        }
    problem = _problem_of(outcome)
    return {
        "index": index,
        "status": problem.status,
        "problem": problem.document(call.request),
    }
