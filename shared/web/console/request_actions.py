"""Orders for one request: a page that says what will happen, then the order itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response
from starlette.routing import Route

from shared.jobs.queries import Caller
from shared.web.console.orders import (
    Refusal,
    Refused,
    read_reason,
    read_version,
    refusal_of,
)
from shared.web.console.people import Role
from shared.web.console.services import Console
from shared.web.console.visits import Visit, action, page

Act = Callable[[Console, UUID, Caller, str, int | None], object]


@dataclass(frozen=True, slots=True)
class RequestAction:
    """What may be ordered for a request."""

    name: str
    title: str
    button: str
    effects: tuple[str, ...]
    done: str
    act: Act


ACTIONS = (
    RequestAction(
        "reprocess",
        "Reprocess",
        "Reprocess it",
        (
            "It goes on its way again as its next generation: RECEIVED, due now, enriched anew.",
            "Consumers get a second event, with the next generation.",
            "After a TIMEOUT, and after a batch was given up, Thunderhead is asked first whether "
            "the document exists; then it is refused.",
        ),
        "reprocessed",
        lambda console, *order: console.operations.reprocess(*order[:3], version=order[3]),
    ),
    RequestAction(
        "cancel",
        "Cancel",
        "Cancel it",
        (
            "It ends as FAILED (CANCELLED), and its consumers get that event.",
            "It works while the request is RECEIVED: nothing has been sent then.",
        ),
        "cancelled",
        lambda console, *order: console.operations.cancel(*order[:3], version=order[3]),
    ),
    RequestAction(
        "publish-again",
        "Publish again",
        "Publish it again",
        (
            "The event that the broker had refused is queued; the monitoring job's next run "
            "publishes it.",
            "Mend the cause first, or it is set aside once more.",
        ),
        "publishing",
        lambda console, *order: console.operations.publish_again(*order[:3]),
    ),
)


def routes() -> list[Route]:
    """Return the pages and orders of every action."""
    return [route for one in ACTIONS for route in _routes(one)]


def _routes(one: RequestAction) -> list[Route]:
    path = f"/requests/{{request_id:uuid}}/{one.name}"
    return [
        page(path, lambda visit: _ask(visit, one), Role.OPERATOR),
        action(path, lambda visit: _order(visit, one)),
    ]


def _ask(
    visit: Visit,
    one: RequestAction,
    *,
    refusal: Refusal | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """Show what the order would do, and ask for a reason."""
    request_id = visit.request.path_params["request_id"]
    request = visit.console.queries.get(request_id, visit.caller)
    return visit.page(
        "request_action.html",
        status=status,
        section="Requests",
        action=one,
        request=request,
        version=read_version(visit.form) or request.version,
        reason=visit.form.text("reason"),
        problem=problem,
        refusal=refusal,
    )


def _order(visit: Visit, one: RequestAction) -> Response:
    request_id = visit.request.path_params["request_id"]
    reason, problem = read_reason(visit.form)
    version = read_version(visit.form)
    if version is None:
        problem = "The form names no version; open it again."
    if problem:
        return _ask(visit, one, problem=problem, status=422)
    try:
        one.act(visit.console, request_id, visit.caller, reason, version)
    except Refused as error:
        return _ask(visit, one, refusal=refusal_of(error), status=409)
    return visit.done(f"/console/requests/{request_id}", one.done)
