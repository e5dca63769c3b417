"""What the addresses of lists hold: all of their state, so that a view can be sent to somebody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from shared.domain.timing import to_milliseconds

PAGE_SIZES = (25, 50, 100, 200)
DEFAULT_PAGE_SIZE = 50
_MOST_CHARACTERS = 10_000

Given = Mapping[str, Sequence[str]]
"""The parameters of an address that say something, by name."""

E = TypeVar("E", bound=StrEnum)


def given_in(parameters: QueryParams, names: Iterable[str]) -> Given:
    """Return the parameters of these names, blanks cut off, empty ones left out."""
    found: dict[str, list[str]] = {}
    for name in names:
        values = [value.strip()[:_MOST_CHARACTERS] for value in parameters.getlist(name)]
        if kept := [value for value in values if value]:
            found[name] = kept
    return found


def address(path: str, given: Given, **changes: str | None) -> str:
    """Write an address with parameters, some of them changed or (None) left out."""
    pairs = [
        (name, value) for name, values in given.items() for value in values if name not in changes
    ]
    pairs += [(name, value) for name, value in changes.items() if value is not None]
    return f"{path}?{urlencode(pairs)}" if pairs else path


@dataclass(slots=True)
class Reader:
    """Reads parameters one by one; what cannot be read is a message beside its field."""

    given: Given
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, most: int = 100) -> str | None:
        """Read words of a limited length."""
        value = self.given.get(name, [""])[0]
        if len(value) > most:
            self.errors[name] = f"must have at most {most} characters"
            return None
        return value or None

    def one_of(self, name: str, kind: type[E]) -> E | None:
        """Read one word of a list."""
        return next(iter(self.some_of(name, kind)), None)

    def some_of(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Read any number of words of a list."""
        known = {member.value: member for member in kind}
        values = self.given.get(name, [])
        if any(value not in known for value in values):
            self.errors[name] = "must be one of " + ", ".join(known)
        return tuple(dict.fromkeys(known[value] for value in values if value in known))

    def ids(self, name: str, most: int) -> tuple[str, ...]:
        """Read ids that are separated by blanks, commas or semicolons."""
        words = re.split(r"[\s,;]+", " ".join(self.given.get(name, [])))
        found = tuple(dict.fromkeys(word for word in words if word))
        if len(found) > most:
            self.errors[name] = f"must be at most {most} ids"
            return ()
        if any(len(word) > 100 for word in found):
            self.errors[name] = "holds something that is no id"
            return ()
        return found

    def uuids(self, name: str, most: int) -> tuple[UUID, ...]:
        """Read UUIDs that are separated by blanks, commas or semicolons."""
        try:
            return tuple(dict.fromkeys(UUID(word) for word in self.ids(name, most)))
        except ValueError:
            self.errors[name] = "must be ids as 76ab2f3c-0d5e-4c7e-9a65-0c9ce3f4c1f2"
            return ()

    def moment(self, name: str) -> datetime | None:
        """Read a time in UTC: `2026-03-02`, `2026-03-02T14:30`, or with a zone of its own."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value.replace(" ", "T", 1))
            return to_milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            self.errors[name] = "must be a time as 2026-03-02T14:30 (UTC)"
            return None

    def page_size(self) -> int:
        """Read how many rows a page has."""
        value = self.text("limit") or str(DEFAULT_PAGE_SIZE)
        if value.isascii() and value.isdigit() and int(value[:9]) in PAGE_SIZES:
            return int(value)
        self.errors["limit"] = "must be one of " + ", ".join(map(str, PAGE_SIZES))
        return DEFAULT_PAGE_SIZE
