"""An ASGI application as a function: what AsgiMiddleware leaves to its caller."""

from __future__ import annotations

import asyncio

import azure.functions as func
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.domain.tracing import continue_or_start
from shared.web.problems import Problem, problem_response
from shared.web.security_headers import secure


class AsgiFunction:
    """Answers the calls of an HTTP trigger with an application."""

    def __init__(self, application: ASGIApp) -> None:
        self._middleware = func.AsgiMiddleware(application)
        self._startup = asyncio.Lock()
        self._is_started = False

    async def __call__(self, req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        """Answer one call."""
        if not self._is_started:
            await self._start_once()
        try:
            answer: func.HttpResponse = await self._middleware.handle_async(req, context)
        except UnicodeDecodeError:
            lost = _undecodable_path()
            answer = func.HttpResponse(
                bytes(lost.body), status_code=lost.status_code, headers=dict(lost.headers)
            )
        return answer

    async def _start_once(self) -> None:
        """Run the application's start-up: AsgiMiddleware does not do it by itself."""
        async with self._startup:
            if not self._is_started:
                self._is_started = await self._middleware.notify_startup()


def _undecodable_path() -> Response:
    """Answer a path that is no UTF-8, which AsgiMiddleware refuses before it calls anybody."""
    scope = {
        "type": "http",
        "path": "/",
        "state": {"traceparent": continue_or_start(None)},
    }
    problem = Problem(404, "NOT_FOUND", "The path is not UTF-8, so there is nothing at it.")
    answer = problem_response(problem, Request(scope))
    secure(answer.headers, None)
    return answer
