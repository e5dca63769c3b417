"""A request: everything that is known of it, and its payload for whom may see that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from lxml import etree
from starlette.responses import Response

from shared.domain import strict_json
from shared.domain.models import DocumentRequest, HistoryEntry
from shared.domain.statuses import RequestStatus
from shared.domain.tracing import trace_id_of
from shared.errors import ActionRefused
from shared.jobs.console_models import EventState
from shared.jobs.request_pages import RequestPage
from shared.web.console.downloads import download
from shared.web.console.orders import read_reason
from shared.web.console.visits import Visit

_XML = "application/xml"


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, and how long the request was in the status before it."""

    entry: HistoryEntry
    after: timedelta | None


def show_request(visit: Visit) -> Response:
    """Show a request. Raises RequestNotFound."""
    request_id = visit.request.path_params["request_id"]
    page = visit.console.request_pages.get(request_id, visit.caller)
    return visit.page("request.html", **_values(visit, page))


def show_payload(visit: Visit) -> Response:
    """Show, or hand out, the content or the transaction data; who read it is recorded."""
    request_id: UUID = visit.request.path_params["request_id"]
    reason, problem = read_reason(visit.form)
    # One of two, whatever the form says: it becomes a part of the file's name.
    kind = "content" if visit.form.text("kind") == "content" else "transaction"
    page = visit.console.request_pages.get(request_id, visit.caller)
    if problem:
        values = _values(visit, page) | {"payload_problem": problem}
        return visit.page("request.html", status=422, **values)
    pages = visit.console.request_pages
    try:
        if kind == "content":
            data, data_type = pages.content(request_id, visit.caller, reason).encode(), "json"
        else:
            generated = pages.transaction_data(request_id, visit.caller, reason)
            data, data_type = generated.data, "xml" if generated.data_type == _XML else "json"
    except ActionRefused as refusal:
        values = _values(visit, page) | {"payload_problem": str(refusal)}
        return visit.page("request.html", status=409, **values)
    if visit.form.text("form") == "file":
        # Never as what it is: a browser might show it.
        return download(data, f"{request_id}-{kind}.{data_type}", "application/octet-stream")
    return visit.page(
        "payload.html",
        section="Requests",
        request=page.request,
        kind=kind,
        data_type=data_type,
        data=data,
        text=formatted(data, data_type),
        reason=reason,
    )


def formatted(data: bytes, data_type: str) -> str:
    """Return a payload with line breaks and indents, its numbers and order as they are."""
    if data_type == "json":
        return strict_json.dumps(strict_json.loads(data), is_indented=True).decode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    tree = etree.fromstring(data, parser)
    etree.indent(tree)
    return etree.tostring(tree, encoding="unicode")


def _values(visit: Visit, page: RequestPage) -> dict[str, Any]:
    request = page.request
    trace_id = trace_id_of(request.traceparent)
    trace_url = visit.console.trace_url
    return {
        "section": "Requests",
        "page": page,
        "request": request,
        "steps": list(_steps(page.history)),
        "generation_of": {entry.batch_id: entry.generation for entry in page.history},
        "request_trace_id": trace_id,
        "trace_link": trace_url.replace("{traceId}", trace_id) if trace_url else None,
        "actions": _actions(page),
        "payload_problem": None,
        "now": visit.console.clock(),
    }


def _actions(page: RequestPage) -> list[str]:
    """Return what may be ordered for the request as it is now."""
    request = page.request
    offered = []
    if _may_be_reprocessed(request):
        offered.append("reprocess")
    if request.status is RequestStatus.RECEIVED:
        offered.append("cancel")
    if any(event.state is EventState.SET_ASIDE for event in page.events):
        offered.append("publish-again")
    return offered


def _may_be_reprocessed(request: DocumentRequest) -> bool:
    is_possible = not request.purged_at and not request.generated_late_at
    return request.status is RequestStatus.FAILED and is_possible


def _steps(history: Sequence[HistoryEntry]) -> Iterator[Step]:
    before = None
    for entry in history:
        yield Step(entry, entry.at - before if before else None)
        before = entry.at
