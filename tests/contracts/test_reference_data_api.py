"""The Reference Data API: simulator and client against reference-data-api.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from local.reference_data import ReferenceDataOptions, create_app
from shared.clients.http import Response
from shared.clients.reference_data import ReferenceDataClient
from shared.clients.reference_data_answers import fresh_seconds, parse_codes, parse_configurations
from shared.domain.enrichment import enrich
from shared.errors import ReferenceDataInvalid
from tests.contracts.documents import REFERENCE_DATA_API
from tests.contracts.openapi import Contract
from tests.contracts.recording import Recording, recorded
from tests.unit.clients.support import FakeClock, make_settings

CONTRACT = Contract(REFERENCE_DATA_API)
DAY = date(2026, 3, 1)
TOKEN = "a-token"
CODE_TYPES = ("SOURCE_SYSTEM", "DOCUMENT_TYPE", "DOCUMENT_NAME", "LANGUAGE", "METADATA_KEY")


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Everything that our client asks and that the simulator can answer."""
    options = ReferenceDataOptions(
        base_path=CONTRACT.base_path, bearer_token=TOKEN, max_age_seconds=60
    )
    with recorded(create_app(options)) as recording:
        base_url = recording.url + CONTRACT.base_path
        _ask_as_client(base_url)
        _ask_wrongly(base_url)
    with recorded(create_app(ReferenceDataOptions(base_path=CONTRACT.base_path))) as without_token:
        settings = make_settings(reference_data_base_url=without_token.url + CONTRACT.base_path)
        assert ReferenceDataClient(settings, FakeClock()).codes("LANGUAGE", DAY)
    recording.exchanges += without_token.exchanges
    return recording


def _ask_as_client(base_url: str) -> None:
    clock = FakeClock()
    settings = make_settings(reference_data_base_url=base_url, reference_data_token=TOKEN)
    client = ReferenceDataClient(settings, clock)
    for code_type in CODE_TYPES:
        assert client.codes(code_type, DAY)
    assert client.codes("A PLANET/ÄÖ", DAY) == frozenset()
    for document_name, footer in (("IVZRECPA", "2"), ("POSHOOFF", "0"), ("Ü&=", "9")):
        assert client.configurations(document_name, footer, DAY)
    clock.advance(61)  # past max-age: asked again, with the tag
    assert client.codes("LANGUAGE", DAY)
    assert client.configurations("IVZRECPA", "2", DAY)


def _ask_wrongly(base_url: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    codes, search = "/reference-data/type/LANGUAGE", "/document-configurations/search"
    with requests.Session() as session:
        for path, headers in (
            (f"{codes}?asOf=today", bearer),
            (f"{search}?documentName=IVZRECPA&footer=2&asOf=2026-02-30", bearer),
            (f"{search}?footer=2", bearer),
            (codes, {}),
            (f"{search}?documentName=IVZRECPA", {"Authorization": "Bearer other"}),
        ):
            response = session.get(base_url + path, headers=headers, timeout=10)
            assert response.status_code in (400, 401)


def test_every_answer_of_the_simulator_is_documented(recording: Recording) -> None:
    recording.assert_answers(CONTRACT)


def test_every_documented_answer_is_given_by_the_simulator(recording: Recording) -> None:
    documented = {(operation.operation_id, status) for operation, status, _ in CONTRACT.answers()}
    # The simulator has no outages of its own.
    never = {(operation.operation_id, "default") for operation in CONTRACT.operations}
    assert recording.assert_answers(CONTRACT) == documented - never


def test_every_call_of_our_client_is_documented(recording: Recording) -> None:
    assert recording.assert_requests(CONTRACT) == {
        operation.operation_id for operation in CONTRACT.operations
    }


def test_every_documented_parameter_is_sent_by_our_client(recording: Recording) -> None:
    for operation in CONTRACT.operations:
        calls = [
            exchange
            for exchange in recording.of_our_clients
            if CONTRACT.operation_of(exchange) == operation
        ]
        sent = {name for call in calls for name, _ in call.query}
        sent |= {name for call in calls for name in call.request_headers}
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                continue
            name = parameter["name"]
            assert (name.lower() if parameter["in"] == "header" else name) in sent
    assert {call.request_headers.get("authorization") for call in recording.of_our_clients} == {
        f"Bearer {TOKEN}",
        None,
    }


def _examples(operation_id: str) -> Mapping[str, Any]:
    [content] = [
        response["content"]["application/json"]
        for operation, status, response in CONTRACT.answers()
        if (operation.operation_id, status) == (operation_id, "200")
    ]
    return {name: example["value"] for name, example in content["examples"].items()}


def _answer(value: Any) -> Response:
    return Response(200, CaseInsensitiveDict(), json.dumps(value).encode())


def test_our_client_reads_every_example_of_codes() -> None:
    examples = _examples("listCodesOfType")
    assert parse_codes(_answer(examples["documentNames"])).in_effect(DAY) == {
        "IVZRECPA",
        "CLAIMACK",
    }
    assert parse_codes(_answer(examples["none"])).in_effect(DAY) == frozenset()
    assert len(examples) == 2


def test_our_client_reads_every_example_of_configurations() -> None:
    examples = _examples("searchDocumentConfigurations")
    rows = parse_configurations(_answer(examples["invoice"]))
    found = enrich("IVZRECPA", "2", rows, DAY)
    assert found.batch_config_id == "1709524441"
    assert found.topic == "oms-document-status"
    assert found.properties == (("SIGNEE_1", "GBMHEN1"),)
    assert parse_configurations(_answer(examples["none"])) == ()
    assert len(examples) == 2


@pytest.mark.parametrize("schema", ["Code", "ConfigurationRow"])
def test_what_is_required_is_what_our_client_needs(schema: str) -> None:
    """Each required member is missed when it is absent, and no other is."""
    operation_id, parse = {
        "Code": ("listCodesOfType", parse_codes),
        "ConfigurationRow": ("searchDocumentConfigurations", parse_configurations),
    }[schema]
    whole = next(iter(_examples(operation_id).values()))[0]
    described = CONTRACT.document["components"]["schemas"][schema]
    assert set(described["properties"]) == set(whole)
    for member in whole:
        answer = _answer([{name: value for name, value in whole.items() if name != member}])
        if member in described["required"]:
            with pytest.raises(ReferenceDataInvalid):
                parse(answer)
        else:
            parse(answer)


def test_our_client_reads_the_documented_headers() -> None:
    headers = CONTRACT.document["components"]["headers"]
    sent = CaseInsensitiveDict(
        {
            "Cache-Control": headers["CacheControl"]["example"],
            "Age": str(headers["Age"]["example"]),
        }
    )
    assert fresh_seconds(sent) == 60 - 12
