"""How values are written on the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.timing import rfc3339

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def utc(moment: datetime) -> str:
    """Write a time for people who have no script: `25 Nov 2026, 02:41:07`."""
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S")


def duration(value: timedelta | float) -> str:
    """Write a duration, in seconds or as such, in its two largest units: `2 h 5 min`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    rest, words = round(seconds), []
    for size, unit in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def number(value: int) -> str:
    """Write a count with narrow spaces between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(count: int, word: str, more: str | None = None) -> str:
    """Write a count with its word: `1 request`, `2 batches`."""
    return f"{number(count)} {word if count == 1 else more or word + 's'}"


def short(value: Any) -> str:
    """Write the beginning of an id; the whole belongs into a title."""
    return str(value)[:8]


FILTERS: Mapping[str, Callable[..., str]] = {
    "duration": duration,
    "number": number,
    "plural": plural,
    "rfc3339": rfc3339,
    "short": short,
    "utc": utc,
}
