"""The operator console as one ASGI application, all of it under /console."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from shared.web.boundary import Boundary
from shared.web.console.assets import show_asset
from shared.web.console.errors import (
    HANDLED,
    ErrorPage,
    answer_error,
    leave_to_the_boundary,
    unexpected,
)
from shared.web.console.services import Console

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
            Mount(PREFIX, routes=[*OPEN_ROUTES]),
        ],
        exception_handlers={
            **dict.fromkeys(HANDLED, answer_error),
            Exception: leave_to_the_boundary,
        },
    )
    app.router.redirect_slashes = False
    app.state.console = console
    return app


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
