from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from shared.jobs.request_storage import RequestFilter
from shared.web.cursors import read_cursor, write_cursor


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 2, 12, 0, 0, 123_000, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ],
)
def test_reads_what_it_wrote(moment: datetime) -> None:
    where = RequestFilter(source_system="ARCADE", received_from=moment, metadata={"A": "1"})
    position = moment, uuid4()
    assert read_cursor(write_cursor(position, where), where) == position


def test_refuses_another_filter() -> None:
    cursor = write_cursor((datetime(2026, 3, 2, tzinfo=UTC), uuid4()), RequestFilter())
    with pytest.raises(ValueError, match="filter"):
        read_cursor(cursor, RequestFilter(metadata={"A": "1"}))


def test_refuses_a_forged_time() -> None:
    packed = b"\x7f" + bytes(7) + UUID(int=0).bytes
    condition = json.dumps(asdict(RequestFilter()), default=str, sort_keys=True).encode()
    forged = packed + hashlib.sha256(packed + condition).digest()[:8]
    with pytest.raises(ValueError, match="time"):
        read_cursor(base64.urlsafe_b64encode(forged).decode().rstrip("="), RequestFilter())
