"""What the web layer is given by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.domain.timing import Clock
from shared.jobs.intake import Intake
from shared.jobs.operations import Operations
from shared.jobs.queries import Caller, Queries

Authenticate = Callable[[Mapping[str, str]], Caller]
"""Tells who calls from the headers (names in lower case).

Raises NotAuthenticated or NotAuthorized. Runs in a worker thread, so it may block.
"""


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the API, and how its callers are known."""

    intake: Intake
    queries: Queries
    operations: Operations
    authenticate: Authenticate
    clock: Clock
    dependencies: tuple[str, ...] = ()
    """Names of the pauses that stand for a dependency; without a pause it is shown as up."""
