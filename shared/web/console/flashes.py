"""What an action has done, said once by the next page.

The browser keeps it for a moment, as the key of a sentence: no server has sessions here, and an
address that says it would say it again, to whoever opens it.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_COOKIE = "oms-console-done"
_SECONDS = 60

MESSAGES: Mapping[str, str] = {
    "reprocessed": "Reprocessed: the request is RECEIVED again, as its next generation.",
    "cancelled": "Cancelled: the request will not be sent.",
    "publishing": "Queued: the monitoring job publishes the event with its next run.",
    "adopted": "Adopted: the batch is polled from now on.",
    "resending": "Ordered: the next run of the processing job sends the batch once more.",
    "delivered": "Recorded as delivered: every document of the batch is COMPLETED.",
    "abandoned": "Given up: every document of the batch is FAILED (ABANDONED).",
    "polling": "Due now: the next run of the monitoring job polls the batch.",
    "paused": "Paused: nothing more is submitted until somebody resumes.",
    "resumed": "Resumed: what waits is due at once.",
}


def keep(response: Response, message: str, *, only_https: bool) -> Response:
    """Let the browser keep a message for the page that it is sent to."""
    response.set_cookie(
        _COOKIE,
        message,
        max_age=_SECONDS,
        path="/console",
        secure=only_https,
        httponly=True,
        samesite="strict",
    )
    return response


def message_of(request: Request) -> str | None:
    """Return what there is to say."""
    return MESSAGES.get(request.cookies.get(_COOKIE, ""))


def forget(response: Response) -> None:
    """Say it only once."""
    response.delete_cookie(_COOKIE, path="/console", httponly=True, samesite="strict")
