"""The operator console as one ASGI application, all of it under /console."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from shared.web.boundary import Boundary
from shared.web.console import batch_actions, bulk_actions, pauses_page, request_actions
from shared.web.console.assets import show_asset
from shared.web.console.audit_page import show_audit
from shared.web.console.batches_page import show_batch, show_batches
from shared.web.console.errors import (
    HANDLED,
    ErrorPage,
    answer_error,
    leave_to_the_boundary,
    unexpected,
)
from shared.web.console.events_page import show_events
from shared.web.console.explorer import export_requests, show_requests
from shared.web.console.overview_page import show_overview
from shared.web.console.people import Role
from shared.web.console.request_page import show_payload, show_request
from shared.web.console.services import Console
from shared.web.console.visits import action, page

PREFIX = "/console"


class ConsoleApp(Starlette):
    """Starlette with nothing between the server and the `Boundary`."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put the boundary around all of it, the framework's error middleware included."""
        return Boundary(super().build_middleware_stack(), unexpected)


def create_console(console: Console) -> ConsoleApp:
    """Return the console on top of some use cases."""
    app = ConsoleApp(
        routes=[
            Route(PREFIX, _to_overview, methods=["GET"]),
            Mount(PREFIX, routes=[*OPEN_ROUTES, *guarded_routes()]),
        ],
        exception_handlers={
            **dict.fromkeys(HANDLED, answer_error),
            Exception: leave_to_the_boundary,
        },
    )
    app.router.redirect_slashes = False
    app.state.console = console
    return app


def guarded_routes() -> list[Route]:
    """Return the routes of pages and actions, for people who have signed in."""
    return [
        page("/", show_overview),
        page("/requests", show_requests),
        page("/requests.csv", export_requests),
        page("/requests/{request_id:uuid}", show_request),
        action("/requests/{request_id:uuid}/payload", show_payload, Role.PAYLOAD_VIEWER),
        *request_actions.routes(),
        page("/batches", show_batches),
        page("/batches/{batch_id:uuid}", show_batch),
        *batch_actions.routes(),
        *bulk_actions.routes(),
        *pauses_page.routes(),
        page("/events", show_events),
        page("/audit", show_audit),
    ]


async def _to_overview(_request: Request) -> Response:
    return RedirectResponse(f"{PREFIX}/", 301)


async def _signed_out(request: Request) -> Response:
    return ErrorPage(
        200, "Signed out", "You have signed out of the console.", link=("Sign in", f"{PREFIX}/")
    ).answer(request)


OPEN_ROUTES = (
    Route("/static/{name}", show_asset, methods=["GET"]),
    Route("/signed-out", _signed_out, methods=["GET"]),
)
"""For everyone: they show nothing of the system."""
