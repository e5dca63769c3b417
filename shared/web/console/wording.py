"""How values are written on the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.timing import rfc3339
from shared.jobs.console_models import Count
from shared.jobs.runs import COUNTERS

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


def count(value: Count) -> str:
    """Write a count that may have been limited: `10 000+`."""
    return number(value.number) + ("+" if value.is_more else "")


def chart_time(moment: datetime, form: str) -> str:
    """Write a time below a chart, in UTC: `14:00` or `3 Mar`."""
    return moment.astimezone(UTC).strftime("%H:%M" if form == "short" else "%-d %b")


def field_time(moment: datetime) -> str:
    """Write a time as a field for times has it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def did(summary: Mapping[str, Any]) -> str:
    """Write what a run did: `claimed 14, submitted 13`."""
    done = [f"{summary[name]} {name}" for name in COUNTERS if summary.get(name)]
    return ", ".join(done) or "nothing to do"


def size(data: str | bytes) -> str:
    """Write the size of a text: `2.1 kB`."""
    count = len(data.encode() if isinstance(data, str) else data)
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} kB"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "as_moment": datetime.fromisoformat,
    "chart_time": chart_time,
    "count": count,
    "did": did,
    "duration": duration,
    "field_time": field_time,
    "number": number,
    "plural": plural,
    "rfc3339": rfc3339,
    "short": short,
    "size": size,
    "utc": utc,
}
