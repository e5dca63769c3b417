"""What the console is given by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.timing import Clock
from shared.web.console.forgery import Tokens
from shared.web.console.people import Identify


@dataclass(frozen=True, slots=True)
class Console:
    """The use cases behind the console, and how its people are known."""

    environment: str
    identify: Identify
    tokens: Tokens
    clock: Clock
    trace_url: str | None = None
    """Link to a trace, with `{traceId}` in it."""
