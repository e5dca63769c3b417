"""A call and its authenticated caller: what guards every route but health."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

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

    Before the body is read: whoever may not call cannot make us hold 16 MiB either. Raises
    NotAuthenticated, NotAuthorized, AuthenticationUnavailable or RateLimited.
    """
    services = services_of(request)
    caller = await services.authenticate(request.headers)
    services.throttle(caller)
    return Call(request, services, caller, request.state.traceparent)


AuthenticatedCall = Annotated[Call, Depends(authenticated_call)]


class CallRoute(APIRoute):
    """A route whose endpoint takes the authenticated call, and nothing else of FastAPI.

    Looking for that dependency takes FastAPI as long as reading and checking a request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            response: Response = await endpoint(await authenticated_call(request))
            return response

        return answer
