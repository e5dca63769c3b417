"""Answers in JSON."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from shared.domain import strict_json


class JsonResponse(JSONResponse):
    """Written as all JSON of the system is: in a tenth of the time that Starlette's takes."""

    def render(self, content: Any) -> bytes:
        """Write compact UTF-8."""
        return strict_json.dumps(content).encode()
