"""Headers that tell browsers to do nothing with an answer but show it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
_HEADERS = {
    CONTENT_SECURITY_POLICY: "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_ONLY_HTTPS = "max-age=31536000"


def secure(headers: MutableHeaders, scheme: str | None) -> None:
    """Add the headers to an answer, unless it has its own: pages have, and what never changes."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if scheme == "https":
        headers["Strict-Transport-Security"] = _ONLY_HTTPS
