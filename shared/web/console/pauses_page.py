"""Pauses: what is not called or submitted, and pausing and resuming submissions by hand."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from shared.domain.statuses import RequestStatus
from shared.jobs.overview import MOST_COUNTED
from shared.jobs.request_storage import RequestFilter
from shared.web.console.concerns import SYSTEMS
from shared.web.console.orders import Refusal, Refused, read_reason, refusal_of
from shared.web.console.people import Role
from shared.web.console.visits import Visit, action, page

PATH = "/console/pauses"
MAX_CONFIG = 100


def routes() -> list[Route]:
    """Return the pages and orders."""
    return [
        page("/pauses", show_pauses),
        page("/pauses/pause", lambda visit: _ask(visit, "pause"), Role.OPERATOR),
        action("/pauses/pause", lambda visit: _order(visit, "pause")),
        page("/pauses/resume", lambda visit: _ask(visit, "resume"), Role.OPERATOR),
        action("/pauses/resume", lambda visit: _order(visit, "resume")),
    ]


def show_pauses(visit: Visit) -> Response:
    """Show every pause in force."""
    pauses = visit.console.queries.readiness().pauses
    by_hand = [pause for pause in pauses if pause.is_by_hand]
    return visit.page(
        "pauses.html",
        section="Pauses",
        by_hand=[(pause, pause.name.partition(":")[2]) for pause in by_hand],
        of_systems=[(pause, SYSTEMS[pause.name]) for pause in pauses if not pause.is_by_hand],
        now=visit.console.clock(),
    )


def _ask(
    visit: Visit,
    what: str,
    *,
    refusal: Refusal | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """Say what the order would do, and ask for a reason."""
    config = visit.form.text("config") or visit.request.query_params.get("config", "").strip()
    received = RequestFilter(statuses=(RequestStatus.RECEIVED,))
    return visit.page(
        "pause_action.html",
        status=status,
        section="Pauses",
        what=what,
        config=config[:MAX_CONFIG],
        waiting=visit.console.queries.count(received, MOST_COUNTED, visit.caller),
        reason=visit.form.text("reason"),
        problem=problem,
        refusal=refusal,
    )


def _order(visit: Visit, what: str) -> Response:
    reason, problem = read_reason(visit.form)
    config = visit.form.text("config")
    if len(config) > MAX_CONFIG or not config.isprintable():
        problem = f"A batch configuration has at most {MAX_CONFIG} characters."
    if problem:
        return _ask(visit, what, problem=problem, status=422)
    submissions = visit.console.submissions
    order = submissions.pause if what == "pause" else submissions.resume
    try:
        order(visit.caller, reason, config or None)
    except Refused as error:
        return _ask(visit, what, refusal=refusal_of(error), status=409)
    return visit.done(PATH, f"{what}d")
