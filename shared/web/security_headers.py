"""Headers that tell browsers to do nothing with an answer but show it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_ONLY_HTTPS = "max-age=31536000"


def secure(headers: MutableHeaders, scheme: str | None) -> None:
    """Add the headers to an answer, which may have a content security policy of its own."""
    headers.update(_HEADERS)
    headers.setdefault(CONTENT_SECURITY_POLICY, _NOTHING)
    if scheme == "https":
        headers["Strict-Transport-Security"] = _ONLY_HTTPS
