"""The explorer: requests by any filter, as a page and as CSV."""

from __future__ import annotations

from starlette.responses import Response

from shared.domain.statuses import FailureCategory, RequestStatus
from shared.jobs.overview import MOST_COUNTED
from shared.jobs.queries import MOST_EXPORTED, Page
from shared.web.console.addresses import DEFAULT_PAGE_SIZE, PAGE_SIZES, address
from shared.web.console.csv_export import to_csv
from shared.web.console.downloads import download
from shared.web.console.explorer_query import ExplorerQuery, read_explorer
from shared.web.console.visits import Visit
from shared.web.cursors import write_cursor

PATH = "/console/requests"


def show_requests(visit: Visit) -> Response:
    """Show a page of the requests that match the address."""
    query = read_explorer(visit.request.query_params)
    found = Page((), None)
    count = None
    if not query.errors:
        found = visit.console.queries.page(query.where, query.page_size, query.before, visit.caller)
        count = visit.console.queries.count(query.where, MOST_COUNTED, visit.caller)
    return visit.page(
        "requests.html",
        status=422 if query.errors else 200,
        section="Requests",
        query=query,
        filters={name: values[0] for name, values in query.given.items()},
        requests=found.requests,
        count=count,
        next_path=_next_path(query, found),
        first_path=address(PATH, query.given, cursor=None) if query.before else None,
        export_path=address(f"{PATH}.csv", query.filters),
        bulk_path={
            name: address(f"/console/bulk/{name}", query.filters)
            for name in ("reprocess", "cancel")
        },
        most_exported=MOST_EXPORTED,
        page_sizes=PAGE_SIZES,
        default_page_size=DEFAULT_PAGE_SIZE,
        statuses=list(RequestStatus),
        categories=list(FailureCategory),
    )


def export_requests(visit: Visit) -> Response:
    """Write the requests that match the address as CSV."""
    query = read_explorer(visit.request.query_params)
    if query.errors:
        return show_requests(visit)
    moment = visit.console.clock().strftime("%Y%m%dT%H%M%SZ")
    text = to_csv(visit.console.queries.export(query.where, visit.caller))
    # With a mark at its begin, spreadsheets read it as UTF-8.
    return download(text.encode("utf-8-sig"), f"requests-{moment}.csv", "text/csv")


def _next_path(query: ExplorerQuery, page: Page) -> str | None:
    if page.next_position is None:
        return None
    return address(PATH, query.given, cursor=write_cursor(page.next_position, query.where))
