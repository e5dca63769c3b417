"""Answers in JSON."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from shared.domain import strict_json


class JsonAnswer(JSONResponse):
    """Written by orjson, in a tenth of the time that the standard library takes."""

    def render(self, content: Any) -> bytes:
        """Write compact UTF-8."""
        return strict_json.dumps(content)
