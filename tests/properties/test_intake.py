"""202 means stored, once: whatever order, form and company equal requests arrive in."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import strict_json
from shared.domain.models import NewRequest
from shared.jobs.intake import Replayed, Reused, Stored, body_digest
from shared.web.bodies import read_document_request
from tests.properties.world import World, letter
from tests.unit.domain.builders import frozen, trees, written
from tests.unit.jobs.fakes import arrivals

# --- equal requests at once -----------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


calls = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from("xy")), min_size=1, max_size=4),
    min_size=2,
    max_size=6,
)
example = iter(range(1_000_000))


@given(calls)
@settings(max_examples=15)
def test_whoever_comes_first_is_stored_and_all_others_are_told_so(
    world: World, bodies: list[list[tuple[int, str]]]
) -> None:
    prefix = next(example)  # the database outlives an example
    together = threading.Barrier(len(bodies))
    requests = [
        [letter(f"{prefix}/{number}", kind=kind) for number, kind in call] for call in bodies
    ]

    def post(call: list[NewRequest]) -> list[Any]:
        together.wait()
        return world.system.intake.submit(arrivals(call))

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = [answer for some in pool.map(post, requests) for answer in some]

    sent = [request for call in requests for request in call]
    stored: dict[str, tuple[UUID, NewRequest]] = {}
    for request, answer in zip(sent, answers, strict=True):
        if isinstance(answer, Stored):
            assert request.request_correlation_id not in stored, "stored twice"
            stored[request.request_correlation_id] = answer.request.request_id, request
    assert stored.keys() == {request.request_correlation_id for request in sent}
    for request, answer in zip(sent, answers, strict=True):
        request_id, first = stored[request.request_correlation_id]
        if isinstance(answer, Stored | Replayed):
            assert (answer.request.request_id, request) == (request_id, first)
        else:
            assert answer == Reused(request_id)
            assert request != first
    in_database = "SELECT request_id FROM document_requests WHERE request_correlation_id LIKE ?"
    rows = world.rows(in_database, f"{prefix}/%")
    assert {row["request_id"] for row in rows} == {one.hex for one, _ in stored.values()}


# --- the canonical form of a body -----------------------------------------------------------

names = st.sampled_from(["a", "b", "Line", "_x", "a-1.b"])
texts = st.text("ab é0", max_size=4)
bodies = st.fixed_dictionaries(
    {
        "sourceSystem": st.sampled_from(["ARCADE", "NOVA"]),
        "requestCorrelationId": st.sampled_from(["R", "r", "R 1"]),
        "documentType": st.sampled_from(["INVOICE", "invoice"]),
        "documentName": st.sampled_from(["IVZRECPA", "IVZ"]),
        "language": st.sampled_from(["EN", "DE"]),
        "content": trees(texts, names),
    },
    optional={
        "priority": st.sampled_from(["LOW", "NORMAL", "HIGH"]),
        "metadata": st.dictionaries(names, st.sampled_from(["1", "1.0", "x"]), max_size=2),
    },
)
DEFAULTS = {"priority": "NORMAL", "metadata": {}}


def digest(text: str) -> str:
    return body_digest(read_document_request(strict_json.loads(text.encode())))


@given(bodies, st.randoms(use_true_random=False))
def test_the_same_body_in_another_form_is_a_replay(
    body: dict[str, Any], source: random.Random
) -> None:
    spelt_out = written({**DEFAULTS, **body}, source.choice(["", " ", "\n"]), source.shuffle)
    omitted = {key: value for key, value in body.items() if DEFAULTS.get(key) != value}
    assert digest(spelt_out) == digest(written(body)) == digest(written(omitted))


@given(bodies, bodies, st.data())
def test_another_value_in_any_field_is_another_body(
    body: dict[str, Any], other: dict[str, Any], data: Any
) -> None:
    """What a field holds in depth: see `tests/unit/domain/test_strict_json.py`."""
    field = data.draw(st.sampled_from(sorted({*DEFAULTS, *body})))
    one, another = {**DEFAULTS, **body}, {**DEFAULTS, **other}
    changed = {**one, field: another[field]}
    is_same = frozen(one[field]) == frozen(another[field])
    assert (digest(written(one)) == digest(written(changed))) == is_same
