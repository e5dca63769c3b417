from __future__ import annotations

import base64
import json
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import batching
from shared.domain.batching import (
    MAX_BYTES,
    Envelope,
    RenderedDocument,
    capacity,
    chunk,
    digest,
    payload,
)
from tests.unit.domain.builders import ids

ENVELOPE = Envelope(
    client_reference=str(UUID(int=7)),
    batch_name="OMS-20260302T120000-00000000",
    batch_config_id="1709524441",
    project_id=None,
    transaction_data_type="application/xml",
    properties=(("SIGNEE_1", "GBMHEN1"), ("NOTE", 'é"\\')),
)
LARGEST = capacity(ENVELOPE)


def document(number: int, size: int = 10) -> RenderedDocument:
    return RenderedDocument(UUID(int=number), "x" * size)


# --- the payload ----------------------------------------------------------------------------


def test_the_payload_is_what_the_contract_shows() -> None:
    first, second = ids(2)
    documents = [RenderedDocument.of(first, b"<a/>"), RenderedDocument.of(second, "é".encode())]
    assert json.loads(payload(ENVELOPE, documents)) == {
        "clientReference": "00000000-0000-0000-0000-000000000007",
        "batchName": "OMS-20260302T120000-00000000",
        "batchConfigResId": "1709524441",
        "projectId": None,
        "transactionDataType": "application/xml",
        "properties": [
            {"name": "SIGNEE_1", "value": "GBMHEN1"},
            {"name": "NOTE", "value": 'é"\\'},
        ],
        "documents": [
            {"documentReference": str(first), "transactionData": "PGEvPg=="},
            {"documentReference": str(second), "transactionData": "w6k="},
        ],
    }


@given(st.lists(st.binary(max_size=50), max_size=5), st.text(max_size=20), st.text(max_size=20))
def test_the_payload_is_json_whatever_it_carries(
    contents: list[bytes], name: str, value: str
) -> None:
    envelope = Envelope("r", name, value, value, "application/json", ((name, value),))
    documents = [
        RenderedDocument.of(request_id, content)
        for request_id, content in zip(ids(len(contents)), contents, strict=True)
    ]
    body = json.loads(payload(envelope, documents))
    assert body["properties"] == [{"name": name, "value": value}]
    assert (body["batchName"], body["projectId"]) == (name, value)
    sent = [base64.b64decode(document["transactionData"]) for document in body["documents"]]
    assert sent == contents


def test_the_same_arguments_give_the_same_bytes() -> None:
    documents = [RenderedDocument.of(request_id, b"<a/>") for request_id in ids(3)]
    assert payload(ENVELOPE, documents) == payload(ENVELOPE, iter(documents))


def test_the_digest_knows_every_byte() -> None:
    documents = [RenderedDocument.of(request_id, b"<a/>") for request_id in ids(2)]
    body = payload(ENVELOPE, documents)
    assert digest(body) == digest(bytes(body))
    assert digest(body) != digest(payload(ENVELOPE, documents[::-1]))
    assert digest(body) != digest(body + b" ")


# --- the limits -----------------------------------------------------------------------------


def test_the_limits_are_those_of_the_contract() -> None:
    assert (batching.MAX_DOCUMENTS, MAX_BYTES) == (500, 10_000_000)
    assert len(payload(ENVELOPE, [])) + LARGEST == MAX_BYTES


@pytest.mark.parametrize(("size", "fits"), [(1, True), (LARGEST, True), (LARGEST + 1, False)])
def test_a_document_may_be_too_large_for_any_batch(size: int, fits: bool) -> None:
    assert (len(document(1, size).text) <= LARGEST) == fits


@pytest.mark.parametrize("size", [LARGEST, LARGEST - 1])
def test_a_document_that_fits_alone_is_within_the_limit(size: int) -> None:
    [batch] = chunk([document(1, size)], 500, LARGEST)
    assert len(payload(ENVELOPE, batch)) <= MAX_BYTES


sizes = st.sampled_from(
    [1, 100, 3_311_488, 3_340_000, 4_967_231, 4_967_232, 5_010_000, LARGEST - 1, LARGEST]
)


@given(st.lists(sizes, max_size=6), st.integers(1, 5))
@settings(max_examples=25)
def test_no_batch_exceeds_a_limit_and_nothing_is_lost(of_sizes: list[int], most: int) -> None:
    documents = [document(number, size) for number, size in enumerate(of_sizes)]
    batches = list(chunk(iter(documents), most, LARGEST))
    assert [document for batch in batches for document in batch] == documents
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert len(payload(ENVELOPE, batch)) <= MAX_BYTES


@given(st.lists(sizes, max_size=6))
@settings(max_examples=25)
def test_a_batch_is_ended_only_when_the_next_document_does_not_fit(of_sizes: list[int]) -> None:
    batches = list(chunk([document(n, size) for n, size in enumerate(of_sizes)], 500, LARGEST))
    for batch, following in pairwise(batches):
        together = len(payload(ENVELOPE, [*batch, following[0]]))
        assert together + 1 > MAX_BYTES


@pytest.mark.parametrize(
    ("count", "most", "lengths"),
    [
        (0, 5, []),
        (1, 5, [1]),
        (5, 5, [5]),
        (6, 5, [5, 1]),
        (3, 1, [1, 1, 1]),
        (1001, 500, [500, 500, 1]),
        (501, 9999, [500, 1]),
    ],
)
def test_batches_are_as_large_as_they_may_be(count: int, most: int, lengths: list[int]) -> None:
    assert [len(batch) for batch in chunk(map(document, range(count)), most, LARGEST)] == lengths


@pytest.mark.parametrize("size", [5_010_000, 9_000_000, LARGEST])
def test_two_that_are_too_large_together_are_sent_apart(size: int) -> None:
    documents = [document(1, size), document(2, 1_000_000 if size == 9_000_000 else size)]
    assert list(chunk(documents, 500, LARGEST)) == [documents[:1], documents[1:]]


def test_large_properties_do_not_push_a_batch_over_the_limit() -> None:
    properties = tuple((f"NOTE_{number}", "é" * 1000) for number in range(20))
    envelope = Envelope("r", "n", "c", None, "application/xml", properties)
    documents = [document(1, 9_850_000), document(2, 49_000)]
    for batch in chunk(documents, 500, capacity(envelope)):
        assert len(payload(envelope, batch)) <= MAX_BYTES
