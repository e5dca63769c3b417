"""From exceptions to pages: what went wrong, what did not happen, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from shared.domain.tracing import trace_id_of
from shared.errors import ActionRefused, DatabaseUnavailable, RequestNotFound
from shared.web.console.forgery import Forged
from shared.web.console.pages import render
from shared.web.console.people import MissingRole, NotLocal
from shared.web.problems import Refusal
from shared.web.security import NotAuthenticated

_log = logging.getLogger(__name__)

_SIGN_IN = "/.auth/login/aad?post_login_redirect_uri="
_HOME = ("Overview", "/console/")
_UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What an error page says."""

    status: int
    title: str
    text: str
    advice: str | None = None
    link: tuple[str, str] | None = _HOME
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        """Answer a request with the page."""
        values = {
            "title": self.title,
            "text": self.text,
            "advice": self.advice,
            "link": self.link,
        }
        return render(request, "error.html", values, status=self.status, headers=self.headers)


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer an error that has a name."""
    if isinstance(error, NotAuthenticated) and request.method == "GET":
        return _to_sign_in(request)
    to_page = next(_PAGES[kind] for kind in type(error).__mro__ if kind in _PAGES)
    page: ErrorPage = to_page(error)
    _log.log(
        logging.WARNING if page.status >= 500 else logging.INFO,
        "A call of the console was refused.",
        extra={
            "trace.id": trace_id_of(request.state.traceparent),
            "error.type": type(error).__qualname__,
            "http.response.status_code": page.status,
        },
    )
    return page.answer(request)


async def leave_to_the_boundary(_request: Request, error: Exception) -> Response:
    """Let the outermost layer answer: the framework would begin an answer of its own."""
    raise error


def unexpected(request: Request) -> Response:
    """Answer what nobody expected."""
    return ErrorPage(
        500,
        "Something went wrong here",
        "The console met an error that nobody expected.",
        "Whether an action was carried out can be seen on its own page and in the audit. The "
        "trace id below finds the error in the log.",
    ).answer(request)


def _to_sign_in(request: Request) -> Response:
    if "hx-request" in request.headers:
        # A part of a page cannot sign in: the browser loads the whole page again, and that does.
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(_SIGN_IN + quote(path, safe="/"), 302)


def _not_signed_in(_error: NotAuthenticated) -> ErrorPage:
    return ErrorPage(
        401,
        "You are not signed in",
        f"Your session has ended. {_UNCHANGED}",
        "Sign in, then order it again.",
        ("Sign in", f"{_SIGN_IN}/console/"),
    )


def _missing_role(error: MissingRole) -> ErrorPage:
    return ErrorPage(
        403,
        "You may not do this",
        f"It needs the role {error.role}, which your account does not have. {_UNCHANGED}",
        "Roles are given in Entra ID, in the console's enterprise application. Sign out and in "
        "again afterwards.",
    )


def _http_error(error: HTTPException) -> ErrorPage:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return ErrorPage(404, "There is nothing here", "The console has no page at this address.")
    text = f"{status.phrase}. {_UNCHANGED}"
    return ErrorPage(status, "This does not work", text, headers=dict(error.headers or {}))


def _refused(error: Refusal) -> ErrorPage:
    problem = error.problem
    named = "; ".join(f"{e.field}: {e.message}" for e in problem.errors)
    return ErrorPage(problem.status, "This cannot be read", named or problem.detail, _UNCHANGED)


_PAGES: Mapping[type[Exception], Callable[[Any], ErrorPage]] = {
    NotAuthenticated: _not_signed_in,
    MissingRole: _missing_role,
    NotLocal: lambda _: ErrorPage(
        403,
        "Only from this machine",
        "This console runs without sign-in, so it answers to localhost alone.",
        link=None,
    ),
    Forged: lambda _: ErrorPage(
        403,
        "The form was not accepted",
        f"It did not come from a page of this console, or that page was too old. {_UNCHANGED}",
        "Open the page again and order it from there.",
    ),
    RequestNotFound: lambda _: ErrorPage(
        404,
        "There is no such request",
        "No request has this id.",
        "Search for it instead.",
        ("Requests", "/console/requests"),
    ),
    ActionRefused: lambda error: ErrorPage(
        404 if error.code == "NO_SUCH_BATCH" else 409,
        "This is not possible",
        str(error),
        _UNCHANGED,
    ),
    DatabaseUnavailable: lambda _: ErrorPage(
        503,
        "The database cannot be reached",
        "The console knows nothing without it, and the jobs do nothing. Requests are not lost: "
        "callers of the API are told to send them again.",
        "If you ordered something just now, look at its page before you order it again.",
        headers={"Retry-After": "5"},
    ),
    Refusal: _refused,
    HTTPException: _http_error,
    ClientDisconnect: lambda _: ErrorPage(400, "The form broke off", _UNCHANGED),
}
HANDLED = tuple(_PAGES)
