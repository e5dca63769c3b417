"""The operator console as an ASGI application, by itself or beside the API.

Apart from the API's: each function imports, at its cold start, what it serves alone.
"""

from __future__ import annotations

from typing import assert_never

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.composition import System
from shared.settings.console import ConsoleAuth
from shared.settings.platform import require_platform_authentication
from shared.web.console.app import PREFIX, ConsoleApp, create_console
from shared.web.console.forgery import Tokens
from shared.web.console.people import Identify, local_operator, platform_person
from shared.web.console.services import Console


def console(system: System) -> ConsoleApp:
    """Return the operator console of a system. Raises SettingsError."""
    settings = system.settings
    match settings.console_sign_in:
        case ConsoleAuth.PLATFORM:
            require_platform_authentication("OMS_CONSOLE_AUTH")
            identify: Identify = platform_person
        case ConsoleAuth.NONE:
            identify = local_operator
        case unreachable:
            assert_never(unreachable)
    return create_console(
        Console(
            environment=settings.environment,
            identify=identify,
            tokens=Tokens(only_https=not settings.is_local),
            clock=system.clock,
            overviews=system.overviews,
            queries=system.queries,
            request_pages=system.request_pages,
            batch_pages=system.batch_pages,
            operations=system.operations,
            held=system.held,
            submissions=system.submissions,
            bulk=system.bulk,
            audit=system.audit,
            trace_url=settings.console_trace_url,
        )
    )


def with_console(api: ASGIApp, console: ASGIApp) -> ASGIApp:
    """Return both as one application: the console at its paths, the API at all others."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_console = path == PREFIX or path.startswith(f"{PREFIX}/")
        await (console if is_console else api)(scope, receive, send)

    return serve
