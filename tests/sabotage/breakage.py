"""What a deliberate breakage is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Breakage:
    """A change of one place in one file, and the test that fails because of it."""

    name: str
    promise: str
    """The row of docs/promises.md."""
    file: str
    old: str
    """Occurs in the file exactly once."""
    new: str
    test: str
    """Node id of pytest; must pass without the breakage, and fail with it."""
