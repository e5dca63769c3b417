"""The Document Request API as an ASGI application: the composed system behind the web layer."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from shared.composition import System
from shared.domain.tracing import continue_or_start
from shared.jobs import pausing
from shared.settings import ApiAuth
from shared.web.app import create_app
from shared.web.problems import Problem, problem_response
from shared.web.security import anonymous_caller
from shared.web.services import Services

_AUTHENTICATORS = {ApiAuth.NONE: anonymous_caller}


def api(system: System) -> FastAPI:
    """Return the API of a system."""
    return create_app(
        Services(
            intake=system.intake,
            queries=system.queries,
            operations=system.operations,
            authenticate=_AUTHENTICATORS[system.api_auth],
            clock=system.clock,
            dependencies=(pausing.REFERENCE_DATA, pausing.THUNDERHEAD, pausing.EVENTS),
        )
    )


def undecodable_path() -> Response:
    """Answer a path that is no UTF-8, which AsgiMiddleware refuses before it calls the API."""
    scope = {
        "type": "http",
        "path": "/",
        "state": {"traceparent": continue_or_start(None)},
    }
    problem = Problem(404, "NOT_FOUND", "The path is not UTF-8, so there is nothing at it.")
    return problem_response(problem, Request(scope))
