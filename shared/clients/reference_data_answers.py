"""What the Reference Data API answers (contracts, section 2). Pure: an answer in, a value out.

One row that cannot be read makes the whole answer invalid: a configuration that is silently
left out could send a customer the wrong document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from shared.clients.http import Response, UnreadableBodyError
from shared.domain.enrichment import OPEN_END, ConfigurationRow
from shared.errors import ReferenceDataInvalid

T = TypeVar("T")
_DEFAULT_FRESH_SECONDS = 60.0


class CodeTable:
    """The codes of a type, with the days on which they are in effect (both ends included)."""

    def __init__(self, rows: tuple[tuple[str, date, date], ...]) -> None:
        self._rows = rows
        self._last: tuple[date, frozenset[str]] | None = None

    def in_effect(self, day: date) -> frozenset[str]:
        """Return the codes of a day. The last day's are kept: it is nearly always the same."""
        last = self._last
        if last is None or last[0] != day:
            last = (day, frozenset(code for code, start, end in self._rows if start <= day <= end))
            self._last = last
        return last[1]


def parse_codes(answer: Response) -> CodeTable:
    """Read the codes of a type. Raises ReferenceDataInvalid."""
    return CodeTable(
        tuple(
            _rows(
                answer,
                lambda row: (
                    _text(row["refDataValue"]),
                    _day(row["effectFromDat"]),
                    _end(row),
                ),
            )
        )
    )


def parse_configurations(answer: Response) -> tuple[ConfigurationRow, ...]:
    """Read configuration rows. Raises ReferenceDataInvalid."""
    return tuple(
        _rows(
            answer,
            lambda row: ConfigurationRow(
                row_id=_text(row["id"]),
                footer=_text(row["footer"]["refDataValue"]),
                document=_text(row["appDocSpec"]["refDataValue"]),
                code=_text(row["code"]["refDataValue"]),
                value=_text(row["value"]),
                effective_from=_day(row["effectFromDat"]),
                effective_to=_end(row),
            ),
        )
    )


def fresh_seconds(headers: Mapping[str, str]) -> float:
    """Return how long an answer may be used without asking again (Cache-Control, Age)."""
    directives: dict[str, str] = {}
    for directive in headers.get("Cache-Control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        directives[name] = value.strip('"')
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    max_age = directives.get("max-age", "")
    if not max_age.isdecimal():
        return _DEFAULT_FRESH_SECONDS
    age = headers.get("Age", "")
    return max(0.0, float(max_age) - (float(age) if age.isdecimal() else 0.0))


def _rows(answer: Response, read: Callable[[dict[str, Any]], T]) -> list[T]:
    try:
        body = answer.json()
    except UnreadableBodyError as error:
        raise ReferenceDataInvalid(f"Reference Data: {error}") from error
    if not isinstance(body, list):
        raise ReferenceDataInvalid("Reference Data: the body is no list")
    found = []
    for position, row in enumerate(body):
        try:
            found.append(read(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ReferenceDataInvalid(f"Reference Data: row {position} is unreadable") from error
    return found


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("neither a text nor a number")
    return str(value)


def _day(value: object) -> date:
    """Read a date, or the date of a time."""
    return date.fromisoformat(_text(value)[:10])


def _end(row: dict[str, Any]) -> date:
    end = row.get("effectToDat")
    return OPEN_END if end is None else _day(end)
