"""The cursor of a list: an opaque position, good only for the filter that it was made for."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Position = tuple[datetime, UUID]
"""Receipt (or creation) and id of the last row of a page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
_TIME, _ID = 8, 16  # bytes; the digest takes the rest of 32


def write_cursor(position: Position, where: DataclassInstance) -> str:
    """Return the cursor that stands for a position in a filtered list."""
    received_at, request_id = position
    milliseconds = (received_at - _EPOCH) // _MILLISECOND
    return _write(milliseconds.to_bytes(_TIME, "big", signed=True) + request_id.bytes, where)


def read_cursor(cursor: str, where: DataclassInstance) -> Position:
    """Return the position. Raises ValueError unless `write_cursor` made it for this filter."""
    if not _SHAPE.fullmatch(cursor):
        raise ValueError("not a cursor")
    packed = base64.urlsafe_b64decode(cursor + "=")[: _TIME + _ID]
    if _write(packed, where) != cursor:
        raise ValueError("not a cursor of this filter")
    milliseconds = int.from_bytes(packed[:_TIME], "big", signed=True)
    try:
        return _EPOCH + milliseconds * _MILLISECOND, UUID(bytes=packed[_TIME:])
    except OverflowError:  # made by somebody who knows the digest
        raise ValueError("not a time") from None


def _write(packed: bytes, where: DataclassInstance) -> str:
    # No secret: a forged cursor can only name another position in what the caller may see.
    condition = json.dumps(asdict(where), default=str, sort_keys=True).encode()
    digest = hashlib.sha256(packed + condition).digest()[: 32 - _TIME - _ID]
    return base64.urlsafe_b64encode(packed + digest).rstrip(b"=").decode("ascii")
