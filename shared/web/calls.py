"""A call and its authenticated caller: the dependency that guards every route but health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from shared.jobs.queries import Caller
from shared.web.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """What a route needs to know of the call that it serves."""

    request: Request
    services: Services
    caller: Caller
    traceparent: str


def services_of(request: Request) -> Services:
    """Return the services of the application that serves a request."""
    services: Services = request.app.state.services
    return services


async def authenticated_call(request: Request) -> Call:
    """Let a known caller in who has not called too often.

    Before the body is read: whoever may not call cannot make us hold 16 MiB either. In a
    thread of its own, since keys may have to be fetched. Raises NotAuthenticated, NotAuthorized,
    AuthenticationUnavailable or RateLimited.
    """
    services = services_of(request)
    caller = await run_in_threadpool(_admitted, services, request.headers)
    return Call(request, services, caller, request.state.traceparent)


def _admitted(services: Services, headers: Headers) -> Caller:
    caller = services.authenticate(headers)
    services.throttle(caller)
    return caller


AuthenticatedCall = Annotated[Call, Depends(authenticated_call)]
