"""Orders for one batch: the poll, and the four ways out of HELD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response
from starlette.routing import Route

from shared.domain.statuses import BatchState
from shared.jobs.batch_pages import BatchPage
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

Act = Callable[[Console, UUID, Caller, str, int, str], object]

MAX_THUNDERHEAD_ID = 100


@dataclass(frozen=True, slots=True)
class BatchAction:
    """What may be ordered for a batch."""

    name: str
    title: str
    button: str
    state: BatchState
    when: str
    """In which case it is right."""
    effects: tuple[str, ...]
    risk: str
    """What goes wrong where the case is another."""
    can_double: bool
    """A document may go out twice."""
    done: str
    act: Act
    asks_for_id: bool = False


ACTIONS = (
    BatchAction(
        "adopt",
        "Adopt a batch of Thunderhead",
        "Adopt it",
        BatchState.HELD,
        "Thunderhead has the batch, and you know its number.",
        (
            "Its reference and documents are compared with ours first; another is refused.",
            "The batch is SUBMITTED and polled from then on.",
        ),
        "None: what is not ours is refused.",
        False,
        "adopted",
        lambda console, batch_id, caller, reason, version, vendor_id: console.held.adopt(
            batch_id, vendor_id, caller, reason, version=version
        ),
        asks_for_id=True,
    ),
    BatchAction(
        "delivered",
        "Record as delivered",
        "Record as delivered",
        BatchState.HELD,
        "You have seen that every document went out.",
        (
            "Every document of the batch is COMPLETED, and its consumers get that event.",
            "A COMPLETED request can never be sent again.",
        ),
        "A document that did not go out is never sent.",
        False,
        "delivered",
        lambda console, batch_id, caller, reason, version, _: console.held.delivered(
            batch_id, caller, reason, version=version
        ),
    ),
    BatchAction(
        "resend",
        "Send it once more",
        "Send it once more",
        BatchState.HELD,
        "Thunderhead does not have the batch: you, or its support, have looked.",
        (
            "The identical bytes are sent once under the same reference.",
            "If that send has no clear answer either, the batch is HELD again.",
        ),
        "If Thunderhead has it after all, every document goes out twice, unless the tenant "
        "refuses a second batch with the same reference.",
        True,
        "resending",
        lambda console, batch_id, caller, reason, version, _: console.held.resend(
            batch_id, caller, reason, version=version
        ),
    ),
    BatchAction(
        "abandon",
        "Give it up",
        "Give it up",
        BatchState.HELD,
        "Nobody wants the documents any more, or they will be reprocessed.",
        (
            "Every document of the batch is FAILED (ABANDONED), and its consumers get that event.",
            "They may be reprocessed one by one; Thunderhead is asked first where it can be.",
        ),
        "Reprocessed, a document goes out twice if Thunderhead has it and cannot be asked.",
        True,
        "abandoned",
        lambda console, batch_id, caller, reason, version, _: console.held.abandon(
            batch_id, caller, reason, version=version
        ),
    ),
    BatchAction(
        "poll",
        "Poll now",
        "Poll now",
        BatchState.SUBMITTED,
        "You know that Thunderhead is done, and do not want to wait.",
        ("The next run of the monitoring job asks Thunderhead how far the batch is.",),
        "None.",
        False,
        "polling",
        lambda console, batch_id, caller, reason, version, _: console.batch_pages.poll_now(
            batch_id, caller, reason, version=version
        ),
    ),
)


def offered(state: BatchState) -> list[BatchAction]:
    """Return what may be ordered in a state."""
    return [one for one in ACTIONS if one.state is state]


def routes() -> list[Route]:
    """Return the pages and orders of every action."""
    return [route for one in ACTIONS for route in _routes(one)]


def _routes(one: BatchAction) -> list[Route]:
    path = f"/batches/{{batch_id:uuid}}/{one.name}"
    return [
        page(path, lambda visit: _ask(visit, one), Role.OPERATOR),
        action(path, lambda visit: _order(visit, one)),
    ]


def _ask(
    visit: Visit,
    one: BatchAction,
    *,
    refusal: Refusal | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """Show what the order would do, and ask for a reason."""
    batch_id = visit.request.path_params["batch_id"]
    shown: BatchPage = visit.console.batch_pages.get(batch_id, visit.caller)
    return visit.page(
        "batch_action.html",
        status=status,
        section="Batches",
        action=one,
        batch=shown.record.batch,
        version=read_version(visit.form) or shown.record.batch.version,
        reason=visit.form.text("reason"),
        thunderhead_batch=visit.form.text("thunderheadBatch"),
        problem=problem,
        refusal=refusal,
    )


def _order(visit: Visit, one: BatchAction) -> Response:
    batch_id = visit.request.path_params["batch_id"]
    reason, problem = read_reason(visit.form)
    version = read_version(visit.form)
    vendor_id = visit.form.text("thunderheadBatch")
    if one.asks_for_id and not 0 < len(vendor_id) <= MAX_THUNDERHEAD_ID:
        problem = "Say which batch of Thunderhead it is."
    if one.can_double and visit.form.text("understood") != "yes":
        problem = "Confirm that you know what can go out twice."
    if version is None:
        problem = "The form names no version; open it again."
    if problem or version is None:
        return _ask(visit, one, problem=problem, status=422)
    try:
        one.act(visit.console, batch_id, visit.caller, reason, version, vendor_id)
    except Refused as error:
        return _ask(visit, one, refusal=refusal_of(error), status=409)
    return visit.done(f"/console/batches/{batch_id}", one.done)
