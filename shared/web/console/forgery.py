"""Makes sure that an action was ordered from a page of this console.

Two locks, each of which is enough. The browser says where the order comes from (Sec-Fetch-Site,
Origin). And the form repeats a random token that only a page of the console could read: it is in
a cookie that other sites can neither see, send (SameSite) nor set (the `__Host-` prefix).
"""

from __future__ import annotations

import hmac
import re
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import OmsError

FIELD = "csrf"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_COOKIE = "oms-console"


class Forged(OmsError):
    """The order does not come from a page of this console, or its page is too old."""


class Tokens:
    """The tokens of this console's browsers."""

    def __init__(self, *, only_https: bool) -> None:
        self.only_https = only_https
        # Browsers take a cookie with this prefix from this very host alone, over HTTPS.
        self.cookie = f"__Host-{_COOKIE}" if only_https else _COOKIE

    def of(self, request: Request) -> str:
        """Return the token of the browser that calls, a new one for a new browser."""
        found = request.cookies.get(self.cookie, "")
        return found if _TOKEN.fullmatch(found) else secrets.token_urlsafe(32)

    def keep(self, token: str, request: Request, response: Response) -> None:
        """Give a browser that has no token its own, for as long as it is open."""
        if request.cookies.get(self.cookie) == token:
            return
        response.set_cookie(
            self.cookie, token, path="/", secure=self.only_https, httponly=True, samesite="strict"
        )

    def require(self, request: Request, sent: str) -> None:
        """Make sure that the form has the token of the browser. Raises Forged."""
        kept = request.cookies.get(self.cookie, "")
        if not _TOKEN.fullmatch(kept) or not hmac.compare_digest(kept.encode(), sent.encode()):
            raise Forged("the token of the form is not that of the browser")


def require_same_origin(headers: Headers) -> None:
    """Make sure that the browser sends from a page of this origin. Raises Forged.

    Every browser of today names at least one of the two with a POST.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        # Behind a gateway with a name of its own, Origin and Host differ; this one does not lie.
        is_ours = site == "same-origin"
    else:
        is_ours = origin is not None and urlsplit(origin).netloc == headers.get("host")
    if not is_ours:
        raise Forged("the order comes from elsewhere")
