"""The audit: who ordered or read what, when and why, and what came of it."""

from __future__ import annotations

from starlette.responses import Response

from shared.jobs.audit import ActionPage
from shared.jobs.console_models import DONE, ActionFilter, ActionName, TargetKind
from shared.web.console.addresses import PAGE_SIZES, Reader, address, given_in
from shared.web.console.visits import Visit

PATH = "/console/audit"
_FIELDS = ("actor", "action", "targetKind", "targetId")


def show_audit(visit: Visit) -> Response:
    """Show a page of the actions that match the address."""
    given = given_in(visit.request.query_params, (*_FIELDS, "limit", "before"))
    reader = Reader(given)
    where = ActionFilter(
        actor=reader.text("actor", 200),
        action=reader.one_of("action", ActionName),
        target_kind=reader.one_of("targetKind", TargetKind),
        target_id=reader.text("targetId", 200),
    )
    before = None
    if text := reader.text("before"):
        if text.isascii() and text.isdigit() and len(text) < 19:
            before = int(text)
        else:
            reader.errors["before"] = "must be a number"
    page_size = reader.page_size()
    found = ActionPage((), None)
    if not reader.errors:
        found = visit.console.audit.page(where, page_size, before, visit.caller)
    next_path = None
    if found.next_position is not None:
        next_path = address(PATH, given, before=str(found.next_position))
    return visit.page(
        "audit.html",
        status=422 if reader.errors else 200,
        section="Audit",
        actions=found.actions,
        done=DONE,
        filters={name: values[0] for name, values in given.items()},
        errors=reader.errors,
        names=list(ActionName),
        kinds=list(TargetKind),
        page_size=page_size,
        page_sizes=PAGE_SIZES,
        next_path=next_path,
        first_path=address(PATH, given, before=None) if before else None,
    )
