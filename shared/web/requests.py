"""Reading requests, and cancelling one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from starlette.convertors import StringConvertor, register_url_convertor

from shared.domain.resource import to_history_item, to_resource
from shared.web.answers import (
    DocumentRequestAnswer,
    HistoryAnswer,
    PageAnswer,
    SummaryAnswer,
)
from shared.web.calls import AuthenticatedCall, Call
from shared.web.cursors import write_cursor
from shared.web.json_answer import JsonAnswer
from shared.web.openapi import answer, links_to, query_parameters
from shared.web.problem_answers import (
    DATABASE_OUT_AT_READ,
    DATABASE_OUT_AT_WRITE,
    INVALID_ID,
    INVALID_QUERY,
    NO_REFERENCE_DATA,
    NOT_CANCELLABLE,
    UNKNOWN_REQUEST,
    problems,
)
from shared.web.queries import ListQuery, SummaryQuery, read_query
from shared.web.threads import in_thread


class _RequestIdConvertor(StringConvertor):
    """What may stand for an id in a path: not the names of other resources beside it.

    Else `GET …/batch` would be an invalid id, and an allowed method.
    """

    regex = "(?!(?:batch|summary)$)[^/]+"


register_url_convertor("request_id", _RequestIdConvertor())
router = APIRouter()

RequestId = Annotated[UUID, Path(alias="requestId", description="Given at receipt.")]


@router.get(
    "/document-requests",
    operation_id="listDocumentRequests",
    summary="List requests, newest first",
    description="Those that the caller may see and that meet every parameter, page by page: "
    "`nextCursor` is the `cursor` of the next page.",
    responses={
        200: answer(PageAnswer, "A page of requests."),
        **problems(INVALID_QUERY, DATABASE_OUT_AT_READ),
    },
    openapi_extra=query_parameters(ListQuery),
)
async def list_document_requests(call: AuthenticatedCall) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_list, call)


@router.get(
    "/document-requests/summary",
    operation_id="summariseDocumentRequests",
    summary="Count requests by status",
    description="Of the requests that the caller may see and that meet every parameter.",
    responses={
        200: answer(SummaryAnswer, "The numbers of requests."),
        **problems(INVALID_QUERY, DATABASE_OUT_AT_READ),
    },
    openapi_extra=query_parameters(SummaryQuery),
)
async def summarise_document_requests(call: AuthenticatedCall) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_summarise, call)


@router.get(
    "/document-requests/{requestId:request_id}",
    operation_id="getDocumentRequest",
    summary="Read a request",
    description="The request as it is now. What it has no value for is left out.",
    responses={
        200: answer(DocumentRequestAnswer, "The request."),
        **problems(UNKNOWN_REQUEST, INVALID_ID, DATABASE_OUT_AT_READ),
    },
)
async def get_document_request(call: AuthenticatedCall, request_id: RequestId) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_get, call, request_id)


@router.get(
    "/document-requests/{requestId:request_id}/history",
    operation_id="getDocumentRequestHistory",
    summary="Read every change of a request's status",
    description="From receipt on, with when and by whom.",
    responses={
        200: answer(HistoryAnswer, "The changes, oldest first."),
        **problems(UNKNOWN_REQUEST, INVALID_ID, DATABASE_OUT_AT_READ),
    },
)
async def get_document_request_history(call: AuthenticatedCall, request_id: RequestId) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_get_history, call, request_id)


@router.post(
    "/document-requests/{requestId:request_id}/cancel",
    operation_id="cancelDocumentRequest",
    summary="Cancel a request that is still RECEIVED",
    description="It ends as FAILED with the category CANCELLED, and its status event follows.",
    responses={
        200: links_to("getDocumentRequest", "getDocumentRequestHistory")
        | answer(DocumentRequestAnswer, "It is cancelled."),
        **problems(
            UNKNOWN_REQUEST, NOT_CANCELLABLE, INVALID_ID, DATABASE_OUT_AT_WRITE, NO_REFERENCE_DATA
        ),
    },
)
async def cancel_document_request(call: AuthenticatedCall, request_id: RequestId) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_cancel, call, request_id)


def _list(call: Call) -> Response:
    query = read_query(call.request.query_params, ListQuery)
    where = query.to_filter()
    page = call.services.queries.page(where, query.limit, query.position(), call.caller)
    return JsonAnswer(
        {
            "items": [to_resource(request) for request in page.requests],
            "nextCursor": write_cursor(page.next_position, where) if page.next_position else None,
        }
    )


def _summarise(call: Call) -> Response:
    query = read_query(call.request.query_params, SummaryQuery)
    counts = call.services.queries.summary(query.to_filter(), call.caller)
    return JsonAnswer(
        {
            "counts": {status.value: count for status, count in counts.items()},
            "total": sum(counts.values()),
        }
    )


def _get(call: Call, request_id: UUID) -> Response:
    return JsonAnswer(to_resource(call.services.queries.get(request_id, call.caller)))


def _get_history(call: Call, request_id: UUID) -> Response:
    entries = call.services.queries.history(request_id, call.caller)
    return JsonAnswer({"items": [to_history_item(entry) for entry in entries]})


def _cancel(call: Call, request_id: UUID) -> Response:
    return JsonAnswer(to_resource(call.services.operations.cancel(request_id, call.caller)))
