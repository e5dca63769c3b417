"""Events that the broker refused: each waits for a person."""

from __future__ import annotations

from starlette.responses import Response

from shared.web.console.visits import Visit

MOST_LISTED = 200


def show_events(visit: Visit) -> Response:
    """Show the events that were set aside, oldest first."""
    events = visit.console.queries.events_set_aside(MOST_LISTED, visit.caller)
    return visit.page(
        "events.html", section="Overview", events=events, is_full=len(events) == MOST_LISTED
    )
