from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.tracing import continue_or_start, trace_id_of

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
OURS = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-00",
        f"  00-{TRACE_ID}-{PARENT_ID}-01\t",
        f"01-{TRACE_ID}-{PARENT_ID}-01",
        f"cc-{TRACE_ID}-{PARENT_ID}-01-what-the-future-will-be-like",
    ],
)
def test_a_valid_trace_is_continued_under_a_span_of_ours(header: str) -> None:
    continued = continue_or_start(header)
    assert OURS.fullmatch(continued)
    assert trace_id_of(continued) == TRACE_ID
    assert continued.split("-")[2] != PARENT_ID


def test_an_id_is_never_all_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "getrandbits", lambda _bits: 0)
    assert OURS.fullmatch(continue_or_start(None))


@pytest.mark.parametrize("flags", ["00", "01"])
def test_whether_the_trace_is_sampled_is_kept(flags: str) -> None:
    assert continue_or_start(f"00-{TRACE_ID}-{PARENT_ID}-{flags}").endswith(f"-{flags}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{PARENT_ID}-01",
        f"00-{TRACE_ID[:-1]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}0-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}",
        f"00-{TRACE_ID}-{PARENT_ID}-1",
        f"0-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-01.",
        f"cc-{TRACE_ID}-{PARENT_ID}-01.what",
        f"00_{TRACE_ID}_{PARENT_ID}_01",
        f"00-{TRACE_ID}-{PARENT_ID}-0\u0661",
        pytest.param(f"00-{TRACE_ID}-{PARENT_ID}-01-extra"),
    ],
)
def test_an_invalid_header_starts_a_new_trace(header: str | None) -> None:
    started = continue_or_start(header)
    assert OURS.fullmatch(started)
    assert trace_id_of(started) != TRACE_ID


@pytest.mark.parametrize("flags", ["ff", "08"])
def test_flags_without_a_meaning_are_cleared(flags: str) -> None:
    continued = continue_or_start(f"00-{TRACE_ID}-{PARENT_ID}-{flags}")
    assert int(continued[-2:], 16) & ~0b11 == 0  # sampled and random


@given(st.text(max_size=80))
def test_whatever_comes_the_result_is_a_traceparent(header: str) -> None:
    assert OURS.fullmatch(continue_or_start(header))


def test_two_traces_are_never_the_same() -> None:
    assert len({trace_id_of(continue_or_start(None)) for _ in range(100)}) == 100
