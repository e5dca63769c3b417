"""The Document Request API as an ASGI application: the composed system behind the web layer."""

from __future__ import annotations

from fastapi import FastAPI

from shared.composition import System
from shared.jobs import pausing
from shared.web.app import create_app
from shared.web.security import anonymous_caller
from shared.web.services import Services


def api(system: System) -> FastAPI:
    """Return the API of a system."""
    return create_app(
        Services(
            intake=system.intake,
            queries=system.queries,
            operations=system.operations,
            authenticate=anonymous_caller,
            clock=system.clock,
            dependencies=(pausing.REFERENCE_DATA, pausing.THUNDERHEAD, pausing.EVENTS),
        )
    )
