"""The Document Request API as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from shared.web import health, requests, submissions
from shared.web.boundary import Boundary
from shared.web.calls import authenticated_call
from shared.web.docs_page import show_docs
from shared.web.error_handlers import install_error_handlers
from shared.web.group_commit import GroupCommit
from shared.web.openapi import DESCRIPTION, complete
from shared.web.services import Services

PREFIX = "/api/v1"
VERSION = "1.0.0"


class DocumentRequestApp(FastAPI):
    """FastAPI with nothing between the server and the `Boundary`."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put the boundary around all of it, the framework's error middleware included."""
        return Boundary(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description, made once."""
        if self.openapi_schema is None:
            complete(super().openapi())
        return self.openapi_schema or {}


def create_app(services: Services) -> FastAPI:
    """Return the API on top of some services."""
    app = DocumentRequestApp(
        title="Document Request API",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect would lose the body of a POST, and name a host that callers may not know.
        redirect_slashes=False,
        # FastAPI's own spans and logs would hold query strings and the texts of exceptions:
        # personal data. (Unknown to, and ignored by, versions without them.)
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.services = services
    app.state.submit = GroupCommit(submissions.submit_singles)
    install_error_handlers(app)
    # Routes are tried in this order.
    app.include_router(submissions.router, prefix=PREFIX, tags=["submission"])
    guard = [Depends(authenticated_call)]
    app.include_router(requests.router, prefix=PREFIX, tags=["requests"], dependencies=guard)
    app.include_router(health.router, tags=["health"])
    # The same for gateways that forward nothing but the prefix.
    app.include_router(health.router, prefix=PREFIX, include_in_schema=False)
    app.add_route("/docs", show_docs, include_in_schema=False)
    return app
