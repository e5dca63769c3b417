"""Batches: a list, and one with what Thunderhead said of it."""

from __future__ import annotations

from starlette.responses import Response

from shared.domain.content_rules import Violation
from shared.domain.statuses import BatchState
from shared.jobs.batch_pages import BatchList
from shared.jobs.console_models import BatchFilter
from shared.web.console import batch_actions
from shared.web.console.addresses import PAGE_SIZES, Reader, address, given_in
from shared.web.console.visits import Visit
from shared.web.cursors import read_cursor, write_cursor
from shared.web.problems import Refusal, validation_error

PATH = "/console/batches"
_FIELDS = ("state", "batchConfigId", "thunderheadBatchId")


def show_batches(visit: Visit) -> Response:
    """Show a page of the batches that match the address."""
    given = given_in(visit.request.query_params, (*_FIELDS, "limit", "cursor"))
    reader = Reader(given)
    where = BatchFilter(
        state=reader.one_of("state", BatchState),
        batch_config_id=reader.text("batchConfigId"),
        thunderhead_batch_id=reader.text("thunderheadBatchId"),
    )
    before = None
    if cursor := reader.text("cursor"):
        try:
            before = read_cursor(cursor, where)
        except ValueError:
            reader.errors["cursor"] = "is not of a list with these filters; begin at the first page"
    page_size = reader.page_size()
    found = BatchList((), None)
    if not reader.errors:
        found = visit.console.batch_pages.page(where, page_size, before, visit.caller)
    next_path = None
    if found.next_position:
        next_path = address(PATH, given, cursor=write_cursor(found.next_position, where))
    return visit.page(
        "batches.html",
        status=422 if reader.errors else 200,
        section="Batches",
        batches=found.batches,
        filters={name: values[0] for name, values in given.items()},
        errors=reader.errors,
        states=list(BatchState),
        page_size=page_size,
        page_sizes=PAGE_SIZES,
        next_path=next_path,
        first_path=address(PATH, given, cursor=None) if before else None,
        now=visit.console.clock(),
    )


def show_batch(visit: Visit) -> Response:
    """Show one batch with a page of its documents. Raises ActionRefused (NO_SUCH_BATCH)."""
    batch_id = visit.request.path_params["batch_id"]
    shown = visit.console.batch_pages.get(batch_id, visit.caller)
    where = BatchFilter(thunderhead_batch_id=str(batch_id))
    given = given_in(visit.request.query_params, ("limit", "cursor"))
    reader = Reader(given)
    before = None
    if cursor := reader.text("cursor"):
        try:
            before = read_cursor(cursor, where)
        except ValueError:
            reader.errors["cursor"] = "is not of this batch"
    page_size = reader.page_size()
    if reader.errors:
        wrong = [Violation(name, message) for name, message in reader.errors.items()]
        raise Refusal(validation_error(wrong))
    documents = visit.console.batch_pages.documents(batch_id, page_size, before, visit.caller)
    path = f"{PATH}/{batch_id}"
    next_path = None
    if documents.next_position:
        next_path = address(path, given, cursor=write_cursor(documents.next_position, where))
    return visit.page(
        "batch.html",
        section="Batches",
        shown=shown,
        record=shown.record,
        batch=shown.record.batch,
        documents=documents.requests,
        next_path=next_path,
        first_path=path if before else None,
        actions=batch_actions.offered(shown.record.batch.state),
        now=visit.console.clock(),
    )
