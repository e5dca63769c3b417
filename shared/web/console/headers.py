"""Headers of the console's pages: a browser runs and shows what we ship, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from shared.web.security_headers import CONTENT_SECURITY_POLICY

PAGE_HEADERS: Mapping[str, str] = {
    CONTENT_SECURITY_POLICY: "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    # With no-referrer, browsers send "null" as the origin of a form, which is looked at here.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
