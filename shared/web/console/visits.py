"""A visit: a call of the console, once its person, role and form were checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from shared.jobs.queries import Caller
from shared.web.console import flashes
from shared.web.console.forgery import FIELD, require_same_origin
from shared.web.console.forms import Form, read_form
from shared.web.console.pages import render
from shared.web.console.people import Person, Role
from shared.web.console.services import Console
from shared.web.threads import in_thread


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page or an action needs to know."""

    request: Request
    console: Console
    person: Person
    form: Form

    @property
    def caller(self) -> Caller:
        """The person as the use cases know callers: entitled to every source system."""
        return Caller(self.person.actor)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        return render(self.request, template, values, status=status)

    def done(self, path: str, message: str) -> Response:
        """Go on to a page after an action, and say there what was done."""
        only_https = self.console.tokens.only_https
        return flashes.keep(RedirectResponse(path, 303), message, only_https=only_https)


Show = Callable[[Visit], Response]
"""Answers a visit. Runs in a worker thread, so it may block."""


def page(path: str, show: Show, *needs: Role) -> Route:
    """Make the route of a page. Readers alone see it, who may need another role besides."""
    return Route(path, _guarded(show, needs), methods=["GET"])


def action(path: str, act: Show, role: Role = Role.OPERATOR) -> Route:
    """Make the route of an action: for a role, by POST, from a form of this console."""
    return Route(path, _guarded(act, (role,)), methods=["POST"])


def _guarded(show: Show, needs: tuple[Role, ...]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        console: Console = request.app.state.console
        person = request.state.person = console.identify(request.headers)
        person.require(Role.READER, *needs)
        token = request.state.token = console.tokens.of(request)
        form = Form()
        if request.method == "POST":
            require_same_origin(request.headers)
            form = await read_form(request)
            console.tokens.require(request, form.text(FIELD))
        else:
            request.state.flash = flashes.message_of(request)
        response = await in_thread(show, Visit(request, console, person, form))
        console.tokens.keep(token, request, response)
        if getattr(request.state, "flash", None):
            flashes.forget(response)
        return response

    return answer
