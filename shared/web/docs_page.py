"""`GET /docs`: the OpenAPI description, to be read and tried out in a browser."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from shared.web.security_headers import CONTENT_SECURITY_POLICY

_ASSETS = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


async def show_docs(request: Request) -> Response:
    """Return the page, with the policy that lets it run what it is made of and no more."""
    page = get_swagger_ui_html(
        openapi_url=request.scope.get("root_path", "").rstrip("/") + request.app.openapi_url,
        title=request.app.title,
        swagger_js_url=f"{_ASSETS}swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    scripts = " ".join(f"'{_hash(found)}'" for found in _INLINE_SCRIPT.findall(bytes(page.body)))
    page.headers[CONTENT_SECURITY_POLICY] = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_ASSETS} {scripts}",
            # Swagger UI writes style attributes.
            f"style-src {_ASSETS} 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return page


def _hash(script: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}"
