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
_RAW = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_ONLY_HTTPS = (b"strict-transport-security", b"max-age=31536000")


def secure(headers: MutableHeaders, scheme: str | None) -> None:
    """Add the headers to an answer, unless it has its own: pages have, and what never changes."""
    own = {name for name, _ in headers.raw}  # in lower case, as ASGI wants them
    headers.raw.extend(header for header in _RAW if header[0] not in own)
    if scheme == "https":
        headers.raw.append(_ONLY_HTTPS)
