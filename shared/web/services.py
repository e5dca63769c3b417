"""What the web layer is given by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers

from shared.domain.timing import Clock
from shared.jobs.intake import Intake
from shared.jobs.operations import Operations
from shared.jobs.queries import Caller, Queries

Authenticate = Callable[[Headers], Awaitable[Caller]]
"""Tells who calls from the headers.

Raises NotAuthenticated, NotAuthorized or AuthenticationUnavailable. Runs on the event loop, so
it must not block.
"""

Throttle = Callable[[Caller], None]
"""Counts a call of a caller. Raises RateLimited where it is one too many."""


def unlimited(_caller: Caller) -> None:
    """Let every call through."""


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the API, and how its callers are known."""

    intake: Intake
    queries: Queries
    operations: Operations
    authenticate: Authenticate
    clock: Clock
    throttle: Throttle = unlimited
    dependencies: tuple[str, ...] = ()
    """Names of the pauses that stand for a dependency; without a pause it is shown as up."""
