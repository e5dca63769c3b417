"""The samples do what their files say, judged by the simulators alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from local.reference_data import create_app
from local.samples import Sample, load_samples
from local.serving import ServerThread
from tests.local.conftest import StartPlatform
from tests.local.platform import encoded_document

SAMPLES = load_samples()
TODAY = datetime.now(UTC).date().isoformat()
CODE_TYPES = {
    "sourceSystem": "SOURCE_SYSTEM",
    "documentType": "DOCUMENT_TYPE",
    "documentName": "DOCUMENT_NAME",
    "language": "LANGUAGE",
}
DEFAULT_TOPIC = "oms-document-status"


@pytest.fixture(scope="module")
def reference_data() -> Iterator[str]:
    with ServerThread(create_app()) as server:
        yield server.url


def rows_in_effect(url: str, path: str, **query: str) -> list[dict[str, Any]]:
    rows = requests.get(f"{url}{path}", params={**query, "asOf": TODAY}, timeout=5).json()
    return [row for row in rows if row["effectFromDat"] <= TODAY <= row["effectToDat"]]


def configuration(url: str, request: dict[str, Any]) -> dict[str, str]:
    """Pick the value of each code by the precedence of the contract."""
    footer = request.get("metadata", {}).get("FOOTER_ID", "0")
    rows = rows_in_effect(
        url,
        "/document-configurations/search",
        footer=footer,
        documentName=request["documentName"],
    )

    def precedence(row: dict[str, Any]) -> tuple[bool, int, bool, str, int]:
        specification = row["appDocSpec"]["refDataValue"]
        return (
            specification != "*",
            len(specification),
            row["footer"]["refDataValue"] == footer,
            row["effectFromDat"],
            row["id"],
        )

    return {row["code"]["refDataValue"]: row["value"] for row in sorted(rows, key=precedence)}


def refused_fields(url: str, request: dict[str, Any]) -> list[str]:
    fields = [
        field
        for field, code_type in CODE_TYPES.items()
        if request[field]
        not in {
            row["refDataValue"] for row in rows_in_effect(url, f"/reference-data/type/{code_type}")
        }
    ]
    keys = {row["refDataValue"] for row in rows_in_effect(url, "/reference-data/type/METADATA_KEY")}
    fields += [f"metadata.{key}" for key in request.get("metadata", {}) if key not in keys]
    try:
        ElementTree.fromstring(transaction(request))
    except ElementTree.ParseError:
        fields.append("content")
    return fields


def transaction(request: dict[str, Any]) -> bytes:
    root = ElementTree.Element("transaction")
    append(root, request)
    return ElementTree.tostring(root)


def append(parent: ElementTree.Element, members: dict[str, Any]) -> None:
    for name, value in members.items():
        for occurrence in value if isinstance(value, list) else [value]:
            child = ElementTree.SubElement(parent, name)
            if isinstance(occurrence, dict):
                append(child, occurrence)
            elif occurrence is not None:
                child.text = str(occurrence)


def with_outcome(*outcomes: str) -> list[Any]:
    return [
        pytest.param(sample, id=sample.name)
        for sample in SAMPLES
        if sample.expected["outcome"] in outcomes
    ]


def test_there_are_samples_of_every_outcome() -> None:
    outcomes = [sample.expected["outcome"] for sample in SAMPLES]
    categories = {sample.expected.get("category") for sample in SAMPLES}
    assert len(SAMPLES) >= 14
    assert set(outcomes) == {"COMPLETED", "FAILED", "REFUSED"}
    assert {"GENERATION", "ENRICHMENT"} <= categories
    assert all(sample.title and sample.expected["why"] for sample in SAMPLES)


def test_correlation_ids_differ() -> None:
    ids = {sample.request["requestCorrelationId"] for sample in SAMPLES}
    assert len(ids) == len(SAMPLES)


def test_the_body_keeps_the_digits_of_its_numbers() -> None:
    (sample,) = (sample for sample in SAMPLES if "exact-decimals" in sample.name)
    assert b"1234.50," in sample.body
    assert b"12345678901234567890.123456789" in sample.body


@pytest.mark.parametrize("sample", with_outcome("REFUSED"))
def test_refused_samples_break_one_rule(reference_data: str, sample: Sample) -> None:
    assert refused_fields(reference_data, sample.request) == [sample.expected["field"]]
    assert sample.expected["httpStatus"] == 422


@pytest.mark.parametrize("sample", with_outcome("COMPLETED", "FAILED"))
def test_the_other_samples_end_as_expected(
    reference_data: str, start_platform: StartPlatform, sample: Sample
) -> None:
    request = sample.request
    assert refused_fields(reference_data, request) == []
    codes = configuration(reference_data, request)
    assert codes["TOPIC_NAME"] == sample.expected.get("topic", DEFAULT_TOPIC)
    if sample.expected.get("category") == "ENRICHMENT":
        assert "BATCH_CONFIG_ID" not in codes
        return

    platform = start_platform()
    batch_id = platform.accepted(
        encoded_document("doc-1", transaction(request)),
        batchConfigResId=codes["BATCH_CONFIG_ID"],
    )
    platform.clock.advance(10)
    assert platform.documents(batch_id)[0]["status"] == sample.expected["outcome"]


def test_some_samples_share_a_batch_and_others_do_not(reference_data: str) -> None:
    accepted = [sample.request for sample in SAMPLES if sample.expected["outcome"] != "REFUSED"]
    batches: dict[str | None, int] = {}
    for request in accepted:
        codes = configuration(reference_data, request)
        codes.pop("TOPIC_NAME")
        key = str(sorted(codes.items())) if "BATCH_CONFIG_ID" in codes else None
        batches[key] = batches.get(key, 0) + 1
    batches.pop(None)
    assert len(batches) >= 6
    assert max(batches.values()) >= 3


@pytest.mark.parametrize(
    ("document_name", "footer", "expected"),
    [
        ("IVZRECPA", "2", {"BATCH_CONFIG_ID": "1709524441", "SIGNEE_1": "GBIVEN2"}),
        ("IVZRECPA", "3", {"BATCH_CONFIG_ID": "1709524446", "SIGNEE_1": "DEMHDE1"}),
        ("IVBRKCOM", "0", {"SIGNEE_1": "GBMHEN1", "SIGNEE_2": "GBBREN3"}),
        # The longer specification wins over the request's own footer.
        ("CLMACKNO", "2", {"SIGNEE_1": "GBCLEN1"}),
        # Equal rows: the later one, then the one with the higher id.
        ("POMOTNEW", "0", {"BATCH_CONFIG_ID": "1709524447", "SIGNEE_2": "GBPOEN8"}),
        ("POSHOOFF", "0", {"BATCH_CONFIG_ID": "1709524443", "SIGNEE_2": "GBPOEN5"}),
    ],
)
def test_the_configurations_hold_a_case_of_every_precedence(
    reference_data: str, document_name: str, footer: str, expected: dict[str, str]
) -> None:
    request = {"documentName": document_name, "metadata": {"FOOTER_ID": footer}}
    codes = configuration(reference_data, request)
    assert {code: codes[code] for code in expected} == expected
