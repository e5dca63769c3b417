from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.enrichment import ConfigurationRow, enrich, footer_of

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
NAME = "IVZRECPA"


def row(document: str, value: str, **fields: Any) -> ConfigurationRow:
    values: dict[str, Any] = {
        "row_id": "1",
        "footer": "0",
        "code": "BATCH_CONFIG_ID",
        "effective_from": date(2020, 1, 1),
        "effective_to": date(4712, 12, 31),
    }
    return ConfigurationRow(document=document, value=value, **(values | fields))


def chosen(*rows: ConfigurationRow, footer: str = "2", name: str = NAME) -> str | None:
    """The value that wins, whatever order the rows come in."""
    found = {enrich(name, footer, order, TODAY).batch_config_id for order in (rows, rows[::-1])}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("prefix", ["IVZ", "IVZ*"])
def test_the_exact_name_beats_a_prefix_and_a_prefix_beats_the_star(prefix: str) -> None:
    exact, some, every = row(NAME, "exact"), row(prefix, "prefix"), row("*", "star")
    assert chosen(exact, some, every) == "exact"
    assert chosen(some, every) == "prefix"
    assert chosen(every) == "star"


def test_the_longest_prefix_wins() -> None:
    assert chosen(row("IVZ", "short"), row("IVZREC", "long"), row("IVZR*", "middle")) == "long"


def test_a_name_with_a_star_behind_it_is_a_prefix_not_the_exact_name() -> None:
    assert chosen(row(f"{NAME}*", "prefix"), row(NAME, "exact")) == "exact"


@pytest.mark.parametrize("document", ["IVZRECPAX", "VZ", "ivzrecpa", "IVY*", "ZRECPA"])
def test_other_names_do_not_apply(document: str) -> None:
    assert chosen(row(document, "other")) == ""


def test_the_footer_of_the_request_beats_the_default_one() -> None:
    assert chosen(row(NAME, "default"), row(NAME, "mine", footer="2")) == "mine"


def test_the_footer_counts_only_within_the_same_name() -> None:
    assert chosen(row(NAME, "exact"), row("IVZ", "prefix", footer="2")) == "exact"
    assert chosen(row("IVZREC", "long"), row("IVZ", "short", footer="2")) == "long"


def test_the_footer_counts_before_the_start_and_the_id() -> None:
    newer = row(NAME, "newer", row_id="9", effective_from=TODAY)
    assert chosen(newer, row(NAME, "mine", footer="2")) == "mine"


def test_another_footer_does_not_apply() -> None:
    assert chosen(row(NAME, "other", footer="3")) == ""


def test_the_default_footer_is_0() -> None:
    assert footer_of({}) == footer_of({"FOOTER_ID": "0"}) == "0"
    assert footer_of({"FOOTER_ID": "2"}) == "2"
    assert chosen(row(NAME, "default"), row(NAME, "two", footer="2"), footer="0") == "default"


def test_of_equal_rows_the_later_start_wins_then_the_higher_id() -> None:
    old = row(NAME, "old", row_id="9", effective_from=TODAY - DAY)
    new = row(NAME, "new", row_id="1", effective_from=TODAY)
    newer_id = row(NAME, "newer id", row_id="10", effective_from=TODAY - DAY)
    assert chosen(old, new) == "new"
    assert chosen(old, newer_id) == "newer id"


def test_ids_are_compared_as_numbers() -> None:
    assert chosen(row(NAME, "nine", row_id="9"), row(NAME, "ten", row_id="10")) == "ten"


def test_ids_that_are_no_numbers_are_compared_too() -> None:
    assert chosen(row(NAME, "a", row_id="a"), row(NAME, "b", row_id="b")) == "b"
    chosen(row(NAME, "a", row_id="a"), row(NAME, "b", row_id="7"))


@pytest.mark.parametrize(
    ("begins", "ends", "applies"),
    [
        (TODAY, TODAY, True),
        (TODAY - DAY, TODAY + DAY, True),
        (TODAY + DAY, TODAY + DAY, False),
        (TODAY - DAY, TODAY - DAY, False),
    ],
)
def test_only_rows_in_effect_on_the_day_apply(begins: date, ends: date, applies: bool) -> None:
    found = chosen(row(NAME, "x", effective_from=begins, effective_to=ends))
    assert (found == "x") == applies


def test_a_better_row_that_is_not_in_effect_does_not_hide_another() -> None:
    closed = row(NAME, "closed", effective_to=TODAY - DAY)
    assert chosen(closed, row("*", "star")) == "star"


def test_each_code_is_chosen_on_its_own() -> None:
    rows = [
        row(NAME, "4711"),
        row("IVZ", "prefix", code="SIGNEE_1"),
        row("*", "star", code="SIGNEE_1"),
        row("*", "star", code="PAPER"),
        row("*", "oms-letters", code="TOPIC_NAME"),
    ]
    found = enrich(NAME, "2", rows, TODAY)
    assert found.batch_config_id == "4711"
    assert found.topic == "oms-letters"
    assert found.properties == (("PAPER", "star"), ("SIGNEE_1", "prefix"))


def test_the_topic_is_known_also_without_a_batch_configuration() -> None:
    found = enrich(NAME, "2", [row("*", "oms-letters", code="TOPIC_NAME")], TODAY)
    assert (found.topic, found.batch_config_id) == ("oms-letters", "")


@pytest.mark.parametrize("rows", [[], [row(NAME, "")]])
def test_without_a_batch_configuration_there_is_none(rows: list[ConfigurationRow]) -> None:
    found = enrich(NAME, "2", rows, TODAY)
    assert (found.batch_config_id, found.topic, found.properties) == ("", None, ())


# --- against an obvious oracle --------------------------------------------------------------


def best(rows: Sequence[ConfigurationRow], name: str, footer: str, code: str) -> str | None:
    """The rule, filter by filter."""
    left = [
        r
        for r in rows
        if r.code == code
        and r.effective_from <= TODAY <= r.effective_to
        and r.footer in (footer, "0")
    ]
    exact = [r for r in left if r.document == name]
    prefixes = [r for r in left if r.document != "*" and name.startswith(r.document.rstrip("*"))]
    stars = [r for r in left if r.document == "*"]
    if exact:
        left = exact
    elif prefixes:
        longest = max(len(r.document.rstrip("*")) for r in prefixes)
        left = [r for r in prefixes if len(r.document.rstrip("*")) == longest]
    else:
        left = stars
    left = [r for r in left if r.footer == footer] or left
    latest = max((r.effective_from for r in left), default=None)
    left = [r for r in left if r.effective_from == latest]
    return max(left, key=lambda r: int(r.row_id)).value if left else None


rows_of_any_kind = st.lists(
    st.builds(
        ConfigurationRow,
        row_id=st.integers(1, 12).map(str),
        footer=st.sampled_from(["0", "2", "3"]),
        document=st.sampled_from(["*", "I", "IV*", "IVZ", "IVZ*", "IVZRECPA", "IVZRECPA*", "XX"]),
        code=st.sampled_from(["BATCH_CONFIG_ID", "TOPIC_NAME", "SIGNEE_1"]),
        value=st.sampled_from("abcdefgh"),
        effective_from=st.sampled_from([TODAY - 2 * DAY, TODAY - DAY, TODAY, TODAY + DAY]),
        effective_to=st.sampled_from([TODAY - DAY, TODAY, TODAY + DAY]),
    ),
    max_size=10,
    unique_by=lambda r: r.row_id,
)


@given(rows_of_any_kind, st.sampled_from(["0", "2"]), st.sampled_from([NAME, "IVZ", "IX", "A"]))
@settings(max_examples=100)
def test_the_choice_is_that_of_the_rule(
    rows: list[ConfigurationRow], footer: str, name: str
) -> None:
    found = enrich(name, footer, rows, TODAY)
    assert found.batch_config_id == (best(rows, name, footer, "BATCH_CONFIG_ID") or "")
    assert found.topic == best(rows, name, footer, "TOPIC_NAME")
    assert dict(found.properties).get("SIGNEE_1") == best(rows, name, footer, "SIGNEE_1")
    assert found == enrich(name, footer, rows[::-1], TODAY)
