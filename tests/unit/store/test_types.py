from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.store.tables import batches, document_requests, metadata
from shared.store.types import ShortText, cut


@given(st.text(st.characters(), max_size=12) | st.text("ab", max_size=12), st.integers(0, 12))
def test_a_text_is_cut_to_so_many_utf_16_units(text: str, units: int) -> None:
    found = cut(text, units)
    size = len(found.encode("utf-16-le")) // 2
    assert size <= units
    replaced = text.encode("utf-16-le", "replace").decode("utf-16-le")  # a lone surrogate is ?
    assert replaced.startswith(found)
    rest = replaced[len(found) :]
    assert not rest or size + len(rest[0].encode("utf-16-le")) // 2 > units


def test_an_emoji_has_two_units() -> None:
    assert cut("😀" * 1000, 1000) == "😀" * 500
    assert cut("a😀", 2) == "a"


def test_what_others_wrote_is_cut_by_its_column() -> None:
    texts = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, ShortText)
    }
    assert texts >= {
        "batches.hold_reason",
        "batches.vendor_status",
        "batches.vendor_status_text",
        "batch_messages.document_reference",
        "document_requests.failure_code",
        "document_requests.failure_message",
        "outbox.last_error",
        "pauses.reason",
        "request_outputs.location",
        "status_history.reason",
    }
    # Cut, a key would be another one.
    assert not isinstance(document_requests.c.request_correlation_id.type, ShortText)
    assert not isinstance(batches.c.thunderhead_batch_id.type, ShortText)
