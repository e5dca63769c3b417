"""Reading single JSON values that another system may write in more ways than one.

What cannot be read is None. Texts are cut to what the database keeps, counted as it counts:
in UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shared.domain.timing import to_milliseconds

MAX_TEXT = 1000
MAX_ID = 100
_MAX_COUNT = 2_147_483_647


def text(value: Any, units: int = MAX_TEXT) -> str | None:
    """Read a text or a number as text; an empty one is None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = str(value)
    if len(written) * 2 <= units and written.isascii():
        return written or None
    encoded = written.encode("utf-16-le", "replace")[: 2 * units]  # no lone surrogates either
    return encoded.decode("utf-16-le", "ignore") or None


def identifier(value: Any) -> str | None:
    """Read an id, sent as a text or as a whole number. One that would be cut is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    written = str(value).strip()
    usable = written.isprintable() and len(written) <= MAX_ID and written not in ("", ".", "..")
    return written if usable else None


def count(value: Any) -> int | None:
    """Read a count, sent as a number or as a text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value.strip()[:12])
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MAX_COUNT else None


def moment(value: Any) -> datetime | None:
    """Read an ISO 8601 time; one without a zone is in UTC."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        return to_milliseconds(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, leaving out whatever else it holds."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
