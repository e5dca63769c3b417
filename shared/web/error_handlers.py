"""From exceptions to problem documents: every error that has a name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from shared.domain.tracing import trace_id_of
from shared.errors import (
    ActionRefused,
    AuthenticationUnavailable,
    DatabaseUnavailable,
    ReferenceDataUnavailable,
    RequestNotFound,
)
from shared.web.problems import (
    AUTHENTICATION_UNAVAILABLE,
    NOT_AUTHENTICATED,
    NOT_AUTHORIZED,
    REFERENCE_DATA_UNAVAILABLE,
    REQUEST_NOT_FOUND,
    Problem,
    Refusal,
    database_unavailable,
    problem_response,
    rate_limited,
    validation_error,
)
from shared.web.security import NotAuthenticated, NotAuthorized
from shared.web.throttling import RateLimited
from shared.web.violations import violations_of

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

_log = logging.getLogger(__name__)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of an application answer with a problem document."""
    for kind in _PROBLEMS:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(Exception, _leave_to_the_boundary)


async def _answer(request: Request, error: Exception) -> Response:
    to_problem = next(_PROBLEMS[kind] for kind in type(error).__mro__ if kind in _PROBLEMS)
    problem = to_problem(error, request)
    if isinstance(error, NotAuthenticated | NotAuthorized):
        # The answer does not tell a stranger why; whoever set up a caller has to know.
        _log.info(
            "A caller was refused.",
            extra={
                "trace.id": trace_id_of(request.state.traceparent),
                "error.code": problem.code,
                "error.message": str(error),
            },
        )
    if problem.status >= 500:
        _log.warning(
            "A call could not be served.",
            extra={
                "trace.id": trace_id_of(request.state.traceparent),
                "error.code": problem.code,
                "error.type": type(error).__qualname__,
            },
        )
    return problem_response(problem, request)


async def _leave_to_the_boundary(_request: Request, error: Exception) -> Response:
    # Without this the framework would begin an answer of its own, in plain text.
    raise error


def _http_error(error: HTTPException, request: Request) -> Problem:
    """Translate the framework's own errors: unknown routes and methods, mostly."""
    status = HTTPStatus(error.status_code)
    match status:
        case HTTPStatus.NOT_FOUND:
            return Problem(404, "NOT_FOUND", "There is nothing at this path.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(_allowed_methods(request))}
            return Problem(
                405, "METHOD_NOT_ALLOWED", "This path does not know the method.", headers=headers
            )
    return Problem(status, status.name, f"{status.phrase}.", headers=dict(error.headers or {}))


def _allowed_methods(request: Request) -> list[str]:
    """Ask every route: the framework names only the methods of the first that has the path."""
    allowed = {
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return sorted(allowed | {"HEAD"} if "GET" in allowed else allowed)


def _invalid_parameters(error: RequestValidationError) -> Problem:
    # FastAPI's locations begin with where the parameter is: ("path", "requestId").
    return validation_error(violations_of(error.errors(), skip=1))


_PROBLEMS: dict[type, Callable[[Any, Request], Problem]] = {
    Refusal: lambda error, _: error.problem,
    NotAuthenticated: lambda *_: NOT_AUTHENTICATED,
    NotAuthorized: lambda *_: NOT_AUTHORIZED,
    AuthenticationUnavailable: lambda *_: AUTHENTICATION_UNAVAILABLE,
    RateLimited: lambda error, _: rate_limited(error.retry_after),
    RequestNotFound: lambda *_: REQUEST_NOT_FOUND,
    ActionRefused: lambda error, _: Problem(409, error.code, str(error)),
    DatabaseUnavailable: lambda _, request: database_unavailable(is_write=request.method == "POST"),
    ReferenceDataUnavailable: lambda *_: REFERENCE_DATA_UNAVAILABLE,
    RequestValidationError: lambda error, _: _invalid_parameters(error),
    HTTPException: _http_error,
    # Nobody is left to read it; without this it would look like a fault of ours.
    ClientDisconnect: lambda *_: Problem(400, "INCOMPLETE_BODY", "The body broke off."),
}
