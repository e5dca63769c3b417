"""One order for many requests: first the count, then step by step, with a result for each.

A step is one form. It carries what is left, so nothing is kept between steps: whoever leaves the
page stops the order, and what was done is in the audit. With a script the next step follows by
itself, without one there is a button.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import Route

from shared.domain.statuses import RequestStatus
from shared.domain.timing import rfc3339
from shared.jobs.bulk import BulkResult, BulkStep
from shared.jobs.overview import MOST_COUNTED
from shared.jobs.request_storage import RequestFilter
from shared.web.console.addresses import Reader
from shared.web.console.explorer_query import FIELDS, read_explorer
from shared.web.console.forms import Form
from shared.web.console.orders import read_reason
from shared.web.console.people import Role
from shared.web.console.services import Console
from shared.web.console.visits import Visit, action, page
from shared.web.cursors import read_cursor, write_cursor
from shared.web.problems import Problem, Refusal

STEP_SIZE = 20
"""Requests of a step: somebody waits for its results. Where they take long, it ends early."""

_UNREADABLE = Problem(400, "MALFORMED_FORM", "The form cannot be read; order it again.")


@dataclass(frozen=True, slots=True)
class BulkAction:
    """What may be ordered for many requests."""

    name: str
    title: str
    status: RequestStatus
    """Others are refused."""
    effect: str
    matching: Callable[[Console], Callable[..., BulkStep]]
    selected: Callable[[Console], Callable[..., Sequence[BulkResult]]]


ACTIONS: Mapping[str, BulkAction] = {
    "reprocess": BulkAction(
        "reprocess",
        "Reprocess",
        RequestStatus.FAILED,
        "Each goes on its way again as its next generation, and its consumers get a second event.",
        lambda console: console.bulk.reprocess_matching,
        lambda console: console.bulk.reprocess,
    ),
    "cancel": BulkAction(
        "cancel",
        "Cancel",
        RequestStatus.RECEIVED,
        "Each ends as FAILED (CANCELLED), and its consumers get that event.",
        lambda console: console.bulk.cancel_matching,
        lambda console: console.bulk.cancel,
    ),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What a step's form carries: the selection or the filters, and how far the order is."""

    selected: tuple[str, ...] = ()
    """`id:version` of those that are left."""
    filters: str = ""
    """Query of the explorer; used where nothing is selected."""
    until: str = ""
    """Requests that changed later are not meant: nobody has counted them."""
    cursor: str = ""
    done: int = 0
    refused: int = 0
    total: int = 0

    @property
    def seen(self) -> int:
        """How many requests have had their turn."""
        return self.done + self.refused


def routes() -> list[Route]:
    """Return the pages and orders."""
    return [
        action("/bulk", _ask_for_selected),
        *(route for one in ACTIONS.values() for route in _routes(one)),
    ]


def _routes(one: BulkAction) -> list[Route]:
    return [
        page(f"/bulk/{one.name}", lambda visit: _ask_for_matching(visit, one), Role.OPERATOR),
        action(f"/bulk/{one.name}", lambda visit: _take_step(visit, one)),
    ]


def _ask_for_selected(visit: Visit) -> Response:
    one = ACTIONS.get(visit.form.text("action"))
    if one is None:
        raise Refusal(_UNREADABLE)
    selected = tuple(dict.fromkeys(visit.form.all("selected")))
    _versions(selected)
    return _ask(visit, one, Order(selected=selected, total=len(selected)))


def _ask_for_matching(visit: Visit, one: BulkAction) -> Response:
    query = read_explorer(visit.request.query_params)
    if query.errors:
        raise Refusal(_UNREADABLE)
    filters = urlencode([(name, value) for name in FIELDS for value in query.filters.get(name, [])])
    until = rfc3339(visit.console.clock())
    where = _meant(query.where, one, until)
    count = visit.console.queries.count(where, MOST_COUNTED, visit.caller) if where else None
    order = Order(filters=filters, until=until, total=count.number if count else 0)
    return _ask(visit, one, order, is_more=bool(count and count.is_more))


def _ask(
    visit: Visit,
    one: BulkAction,
    order: Order,
    *,
    is_more: bool = False,
    problem: str | None = None,
) -> Response:
    """Say how many there are and what happens to them, and ask for a reason."""
    return visit.page(
        "bulk.html",
        status=422 if problem else 200,
        section="Requests",
        action=one,
        order=order,
        is_more=is_more,
        reason=visit.form.text("reason"),
        problem=problem,
    )


def _take_step(visit: Visit, one: BulkAction) -> Response:
    order = _read(visit.form)
    reason, problem = read_reason(visit.form)
    if problem:
        return _ask(visit, one, order, problem=problem)
    take = _selected if order.selected else _matching
    results, rest = take(visit, one, order, reason)
    done = sum(result.is_done for result in results)
    order = replace(
        rest or order,
        done=order.done + done,
        refused=order.refused + len(results) - done,
    )
    is_part = "hx-request" in visit.request.headers
    return visit.page(
        "bulk_step.html" if is_part else "bulk_progress.html",
        section="Requests",
        action=one,
        order=order,
        results=results,
        is_over=rest is None,
        reason=reason,
    )


def _selected(
    visit: Visit, one: BulkAction, order: Order, reason: str
) -> tuple[Sequence[BulkResult], Order | None]:
    now = _versions(order.selected[:STEP_SIZE])
    results = one.selected(visit.console)(now, visit.caller, reason)
    later = order.selected[len(results) :]
    return results, replace(order, selected=later) if later else None


def _matching(
    visit: Visit, one: BulkAction, order: Order, reason: str
) -> tuple[Sequence[BulkResult], Order | None]:
    query = read_explorer(QueryParams(parse_qsl(order.filters)))
    where = None if query.errors else _meant(query.where, one, order.until)
    if where is None:
        raise Refusal(_UNREADABLE)
    try:
        before = read_cursor(order.cursor, where) if order.cursor else None
    except ValueError:
        raise Refusal(_UNREADABLE) from None
    # Not more than were counted: the person has agreed to so many.
    size = min(STEP_SIZE, MOST_COUNTED - order.seen)
    if size <= 0:
        return (), None
    step = one.matching(visit.console)(where, size, before, visit.caller, reason)
    if step.next_position is None:
        return step.results, None
    return step.results, replace(order, cursor=write_cursor(step.next_position, where))


def _meant(where: RequestFilter, one: BulkAction, until: str) -> RequestFilter | None:
    """Return the requests of a filter that the action applies to; None: there cannot be any."""
    limit = _moment(until)
    if where.statuses and one.status not in where.statuses:
        return None
    if where.updated_to:
        limit = min(limit, where.updated_to)
    return replace(where, statuses=(one.status,), updated_to=limit)


def _moment(text: str) -> datetime:
    moment = Reader({"until": [text]}).moment("until") if text else None
    if moment is None:
        raise Refusal(_UNREADABLE)
    return moment


def _read(form: Form) -> Order:
    def number(name: str) -> int:
        text = form.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0

    return Order(
        selected=tuple(form.all("selected")),
        filters=form.text("filters"),
        until=form.text("until"),
        cursor=form.text("cursor"),
        done=number("done"),
        refused=number("refused"),
        total=number("total"),
    )


def _versions(selected: Sequence[str]) -> dict[UUID, int | None]:
    """Read `id:version`. Raises Refusal."""
    try:
        pairs = [one.split(":") for one in selected]
        return {UUID(request_id): int(version) for request_id, version in pairs}
    except ValueError:
        raise Refusal(_UNREADABLE) from None
