"""Renders the pages: Jinja2, everything escaped, a missing value is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.domain.tracing import trace_id_of
from shared.web.console import wording
from shared.web.console.assets import asset_url
from shared.web.console.concerns import SYSTEMS
from shared.web.console.headers import PAGE_HEADERS

FOLDER = Path(__file__).parent / "templates"
NAVIGATION = (
    ("Overview", "/console/"),
    ("Requests", "/console/requests"),
    ("Batches", "/console/batches"),
    ("Pauses", "/console/pauses"),
    ("Audit", "/console/audit"),
)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset_url"] = asset_url
    environment.globals["navigation"] = NAVIGATION
    environment.globals["system_names"] = SYSTEMS
    environment.filters |= wording.FILTERS
    return environment


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Answer with a page, or with a part of one. Whatever is known of the visit is added."""
    state = request.state
    page = _environment().get_template(template)
    known = {
        "environment": request.app.state.console.environment,
        "person": getattr(state, "person", None),
        "csrf": getattr(state, "token", ""),
        "flash": getattr(state, "flash", None),
        "trace_id": trace_id_of(state.traceparent),
        "section": None,
    }
    return HTMLResponse(
        page.render({**known, **values}), status, headers={**PAGE_HEADERS, **(headers or {})}
    )
