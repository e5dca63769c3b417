"""Bad input, by name: each a problem document that names the field, and nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.unit.web.checks import PATH, assert_problem
from tests.unit.web.fakes import FakeReferenceData, MemoryStore

JSON = {"Content-Type": "application/json"}
SECRET = "Jane Doe"


def nested(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def text(changes: str = "", **replaced: str) -> str:
    """Write a valid body with some members as literal JSON; `changes` comes first."""
    members = {
        "sourceSystem": '"ARCADE"',
        "requestCorrelationId": '"REQ-1"',
        "documentType": '"INVOICE"',
        "documentName": '"IVZRECPA"',
        "language": '"EN"',
        "content": "{}",
    } | replaced
    written = ",".join(f'"{name}":{value}' for name, value in members.items() if value)
    return "{" + ",".join(part for part in (changes, written) if part) + "}"


MALFORMED = {
    "empty": ("", "body"),
    "cut off": ('{"sourceSystem": "ARC', "body"),
    "trailing comma": ('{"a": 1,}', "body"),
    "two values": ("{} {}", "body"),
    "not UTF-8": (b'{"sourceSystem": "\xff"}', "body"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "body"),
    "UTF-16": ("{}".encode("utf-16"), "body"),
    "a raw control character": ('{"sourceSystem": "A\x01"}', "body"),
    "NaN": (text(content='{"a": [1, NaN]}'), "content.a[1]"),
    "Infinity": (text(content='{"a": Infinity}'), "content.a"),
    "-Infinity": (text(priority="-Infinity"), "priority"),
    "NaN under a wild key": (text(content='{"\\u0000": NaN}'), "content.\ufffd"),
}


@pytest.mark.parametrize(("sent", "field"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_json(client: TestClient, store: MemoryStore, sent: Any, field: str) -> None:
    response = client.post(PATH, content=sent, headers=JSON)
    assert_problem(response, 400, "MALFORMED_JSON", field)
    assert store.is_empty


INVALID = {
    "no object": ("[]", ["body"]),
    "null": ("null", ["body"]),
    "a number": ("12345678901234567890.5", ["body"]),
    "nothing given": (
        "{}",
        [
            "sourceSystem",
            "requestCorrelationId",
            "documentType",
            "documentName",
            "language",
            "content",
        ],
    ),
    "unknown field": (text('"colour":"red"'), ["colour"]),
    "snake case": (
        text('"source_system":"ARCADE"', sourceSystem=""),
        ["source_system", "sourceSystem"],
    ),
    "unknown field with a surrogate": (text('"a\\ud800":1', language=""), ["a\ufffd", "language"]),
    "missing field": (text(documentType=""), ["documentType"]),
    "a number for a code": (text(sourceSystem="1"), ["sourceSystem"]),
    "null for a code": (text(language="null"), ["language"]),
    "an empty code": (text(language='""'), ["language"]),
    "a code of 51 characters": (text(documentName=f'"{"A" * 51}"'), ["documentName"]),
    "a code with a blank": (text(documentType='"IN VOICE"'), ["documentType"]),
    "a code with a line end": (text(documentType='"INVOICE\\n"'), ["documentType"]),
    "unknown code": (text(documentType='"NOPE"'), ["documentType"]),
    "two unknown codes": (
        text(documentType='"NOPE"', language='"XX"'),
        ["documentType", "language"],
    ),
    "an unknown priority": (text(priority='"URGENT"'), ["priority"]),
    "a null priority": (text(priority="null"), ["priority"]),
    "an empty correlation id": (text(requestCorrelationId='""'), ["requestCorrelationId"]),
    "101 characters": (text(requestCorrelationId=f'"{"x" * 101}"'), ["requestCorrelationId"]),
    "102 UTF-16 units": (text(requestCorrelationId=f'"{"😀" * 51}"'), ["requestCorrelationId"]),
    "a blank before": (text(requestCorrelationId='" x"'), ["requestCorrelationId"]),
    "a no-break space behind": (text(requestCorrelationId='"x\u00a0"'), ["requestCorrelationId"]),
    "NUL in the correlation id": (
        text(requestCorrelationId='"x\\u0000y"'),
        ["requestCorrelationId"],
    ),
    "a tab in the correlation id": (text(requestCorrelationId='"x\\ty"'), ["requestCorrelationId"]),
    "a surrogate in the correlation id": (
        text(requestCorrelationId='"\\udc00"'),
        ["requestCorrelationId"],
    ),
    "metadata no object": (text(metadata='["a"]'), ["metadata"]),
    "metadata null": (text(metadata="null"), ["metadata"]),
    "metadata nested": (text(metadata='{"INVOICE_ID":{"a":1}}'), ["metadata.INVOICE_ID"]),
    "a number in metadata": (text(metadata='{"INVOICE_ID":490634}'), ["metadata.INVOICE_ID"]),
    "an empty value": (text(metadata='{"INVOICE_ID":""}'), ["metadata.INVOICE_ID"]),
    "a value of 256": (text(metadata=f'{{"INVOICE_ID":"{"x" * 256}"}}'), ["metadata.INVOICE_ID"]),
    "NUL in a value": (text(metadata='{"INVOICE_ID":"\\u0000"}'), ["metadata.INVOICE_ID"]),
    "DEL in a value": (text(metadata='{"INVOICE_ID":"a\\u007f"}'), ["metadata.INVOICE_ID"]),
    "a surrogate in a value": (text(metadata='{"INVOICE_ID":"\\ud800"}'), ["metadata.INVOICE_ID"]),
    "a noncharacter in a value": (
        text(metadata='{"INVOICE_ID":"\\uffff"}'),
        ["metadata.INVOICE_ID"],
    ),
    "51 entries": (text(metadata=json.dumps({f"K{i}": "v" for i in range(51)})), ["metadata"]),
    "a metadata key that is no code": (
        text(metadata='{"INVOICE ID":"1"}'),
        ["metadata.INVOICE ID"],
    ),
    "an empty metadata key": (text(metadata='{"":"1"}'), ["metadata."]),
    "a metadata key like pydantic's mark": (text(metadata='{"[key]":"1"}'), ["metadata.[key]"]),
    "a metadata key no XML name": (text(metadata='{"2ND":"1"}'), ["metadata.2ND"]),
    "a metadata key with a surrogate": (
        text(metadata='{"\\ud800":"1"}'),
        ["metadata.\ufffd\ufffd\ufffd"],
    ),
    "a metadata key out of effect": (text(metadata='{"OLD_ID":"1"}'), ["metadata.OLD_ID"]),
    "content a list": (text(content="[]"), ["content"]),
    "content text": (text(content='"x"'), ["content"]),
    "content null": (text(content="null"), ["content"]),
    "content a number": (text(content="1"), ["content"]),
    "65 levels": (text(content=nested(65)), ["content"]),
    "NUL in content": (text(content='{"a":"\\u0000"}'), ["content.a"]),
    "a control character in content": (text(content='{"a":["x","\\u0008"]}'), ["content.a[1]"]),
    "a surrogate in content": (text(content='{"a":{"b":"\\ud83d"}}'), ["content.a.b"]),
    "a key no XML name": (text(content='{"a":{"2nd":1}}'), ["content.a.2nd"]),
    "a namespace prefix": (text(content='{"soap:a":1}'), ["content.soap:a"]),
    "an empty key": (text(content='{"":1}'), ["content."]),
    "a surrogate in a key": (text(content='{"\\ud800":1}'), ["content.\ufffd"]),
    "a field twice": (text('"language":"DE"'), ["language"]),
    "a metadata key twice": (
        text(metadata='{"INVOICE_ID":"1","INVOICE_ID":"2"}'),
        ["metadata.INVOICE_ID"],
    ),
    "a content key twice": (text(content='{"a":1,"a":1}'), ["content.a"]),
    "a deeper content key twice": (text(content='{"a":[{"b":1,"b":2}]}'), ["content.a[0].b"]),
    "all at once": (
        text('"colour":1', language='" ?"', metadata='{"a b":"1"}', content='{"a":"\\u0000"}'),
        ["colour", "language", "metadata.a b", "content.a"],
    ),
}


@pytest.mark.parametrize(("sent", "fields"), INVALID.values(), ids=INVALID)
def test_invalid_body(client: TestClient, store: MemoryStore, sent: str, fields: list[str]) -> None:
    response = client.post(PATH, content=sent.encode("utf-8"), headers=JSON)
    assert_problem(response, 422, "VALIDATION_ERROR", *fields)
    assert store.is_empty


@pytest.mark.parametrize(
    ("sent", "fields"),
    [(sent, fields) for sent, fields in INVALID.values()],
    ids=INVALID,
)
def test_invalid_item(client: TestClient, store: MemoryStore, sent: str, fields: list[str]) -> None:
    """The same in a batch: the item is refused, and the call answered."""
    response = client.post(f"{PATH}/batch", content=f'{{"items":[{sent}]}}'.encode(), headers=JSON)
    assert response.status_code == 207
    [item] = response.json()["items"]
    assert (item["index"], item["status"]) == (0, 422)
    assert {error["field"] for error in item["problem"]["errors"]} == set(fields)
    assert store.is_empty


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize("opening", ['{"a":', "["])
@pytest.mark.parametrize("member", ["content", "metadata", "language", "colour", None])
def test_very_deep_nesting(
    client: TestClient, store: MemoryStore, levels: int, opening: str, member: str | None
) -> None:
    closing = "}" if opening.startswith("{") else "]"
    deep = opening * levels + "1" + closing * levels
    sent = deep if member is None else text(**{member: deep})
    response = client.post(PATH, content=sent, headers=JSON)
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code, response.json()["code"])
    assert response.json()["errors"]
    assert store.is_empty


def test_64_levels_are_fine(client: TestClient) -> None:
    assert client.post(PATH, content=text(content=nested(64)), headers=JSON).status_code == 202


def test_numbers_are_kept_exactly(client: TestClient, store: MemoryStore) -> None:
    content = '{"a":123456789012345678901234567890,"b":1.10,"c":1E400,"d":-0}'
    assert client.post(PATH, content=text(content=content), headers=JSON).status_code == 202
    assert list(store.tables.requests.contents.values()) == [content]


def test_at_most_50_violations_and_no_more_work(client: TestClient) -> None:
    many = ",".join(f'"x{i}":1' for i in range(60_000))
    problem = assert_problem(
        client.post(PATH, content=text(many), headers=JSON), 422, "VALIDATION_ERROR"
    )
    assert len(problem["errors"]) == 50


def test_long_names_are_cut(client: TestClient) -> None:
    response = client.post(PATH, content=text(f'"{"x" * 100_000}":1'), headers=JSON)
    [error] = assert_problem(response, 422, "VALIDATION_ERROR")["errors"]
    assert len(error["field"]) == 201


@pytest.mark.parametrize("name", ["language", "priority", "requestCorrelationId", "metadata"])
def test_values_are_never_repeated(client: TestClient, name: str) -> None:
    for value in (f" {SECRET}", {"INVOICE_ID": {"a": SECRET}}, {"A": f"{SECRET}\0"}, [SECRET]):
        response = client.post(PATH, content=text(**{name: json.dumps(value)}), headers=JSON)
        assert response.status_code == 422
        assert SECRET not in response.text


@pytest.mark.parametrize("content", [SECRET, [SECRET], {"a": f"{SECRET}\0"}, {"a": {"": SECRET}}])
def test_content_is_never_repeated(client: TestClient, content: Any) -> None:
    response = client.post(PATH, content=text(content=json.dumps(content)), headers=JSON)
    assert response.status_code == 422
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json/x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/batch"])
def test_wrong_content_type(
    client: TestClient, store: MemoryStore, headers: dict[str, str], path: str
) -> None:
    response = client.post(path, content=text(), headers=headers)
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert store.is_empty


@pytest.mark.parametrize(
    "declared",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_right_content_type(client: TestClient, declared: str) -> None:
    response = client.post(PATH, content=text(), headers={"Content-Type": declared})
    assert response.status_code == 202


def padded(size: int) -> bytes:
    sent = text().encode()
    return sent[:-1] + b" " * (size - len(sent)) + b"}"


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("path", "limit"), [(PATH, 1_048_576), (f"{PATH}/batch", 16_777_216)], ids=["one", "batch"]
)
def test_too_large(
    client: TestClient, store: MemoryStore, path: str, limit: int, is_streamed: bool
) -> None:
    sent = padded(limit + 1)
    response = client.post(path, content=iter([sent]) if is_streamed else sent, headers=JSON)
    assert_problem(response, 413, "PAYLOAD_TOO_LARGE")
    assert store.is_empty


def test_just_not_too_large(client: TestClient) -> None:
    assert client.post(PATH, content=padded(1_048_576), headers=JSON).status_code == 202


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ('{"items":[]}', "items"),
        ('{"items":[' + ",".join([text()] * 501) + "]}", "items"),
        ('{"items":{}}', "items"),
        ('{"items":null}', "items"),
        ("{}", "items"),
        (f'{{"items":[{text()}],"items":[{text()}]}}', "items"),
        (f'{{"items":[{text()}],"more":1}}', "more"),
        (f"[{text()}]", "body"),
    ],
    ids=["0 items", "501 items", "object", "null", "missing", "twice", "unknown", "list"],
)
def test_invalid_batch(client: TestClient, store: MemoryStore, sent: str, field: str) -> None:
    response = client.post(f"{PATH}/batch", content=sent, headers=JSON)
    assert_problem(response, 422, "VALIDATION_ERROR", field)
    assert store.is_empty


def test_reference_data_out(
    client: TestClient, store: MemoryStore, reference_data: FakeReferenceData
) -> None:
    reference_data.is_out = True
    response = client.post(PATH, content=text(), headers=JSON)
    assert_problem(response, 503, "REFERENCE_DATA_UNAVAILABLE")
    assert response.headers["retry-after"] == "5"
    assert store.is_empty


IDS = ["1", "REQ-0001-9749", "0f8fad5b-d9cb-469f-a165-70867728950", "%00", "null"]


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/history"), ("POST", "/cancel")]
)
def test_id_no_uuid(client: TestClient, request_id: str, method: str, rest: str) -> None:
    response = client.request(method, f"{PATH}/{request_id}{rest}")
    problem = assert_problem(response, 422, "VALIDATION_ERROR", "requestId")
    assert problem["errors"][0]["message"] == "must be a UUID"


QUERIES = {
    "limit 0": ("limit=0", ["limit"]),
    "a million": ("limit=1000000", ["limit"]),
    "limit beyond 64 bits": (f"limit={'9' * 5000}", ["limit"]),
    "limit negative": ("limit=-1", ["limit"]),
    "limit no number": ("limit=x", ["limit"]),
    "limit empty": ("limit=", ["limit"]),
    "unknown": ("colour=red", ["colour"]),
    "unknown twice": ("colour=red&colour=blue", ["colour"]),
    "another case": ("SourceSystem=ARCADE", ["SourceSystem"]),
    "snake case": ("source_system=ARCADE", ["source_system"]),
    "repeated": ("sourceSystem=ARCADE&sourceSystem=NOVA", ["sourceSystem"]),
    "metadata without a key": ("metadata=1", ["metadata"]),
    "metadata with an empty key": ("metadata.=1", ["metadata."]),
    "metadata and metadata": ("metadata=1&metadata.INVOICE_ID=1", ["metadata"]),
    "metadata key no code": ("metadata.a%20b=1", ["metadata.a b"]),
    "metadata repeated": ("metadata.A=1&metadata.A=2", ["metadata.A"]),
    "metadata value NUL": ("metadata.A=%00", ["metadata.A"]),
    "metadata value empty": ("metadata.A=", ["metadata.A"]),
    "no code": ("sourceSystem=%20A", ["sourceSystem"]),
    "no whole limit": ("limit=1.0", ["limit"]),
    "blank limit": ("limit=%205", ["limit"]),
    "no status": ("status=DONE", ["status"]),
    "correlation id too long": (f"requestCorrelationId={'x' * 101}", ["requestCorrelationId"]),
    "naive time": ("receivedFrom=2026-01-31T09:30:00", ["receivedFrom"]),
    "date": ("receivedTo=2026-01-31", ["receivedTo"]),
    "number of seconds": ("updatedFrom=1700000000", ["updatedFrom"]),
    "no such day": ("receivedFrom=2026-02-30T09:30:00Z", ["receivedFrom"]),
    "before all time": ("receivedFrom=0001-01-01T00:00:00%2B14:00", ["receivedFrom"]),
    "year 0": ("receivedFrom=0000-01-01T00:00:00Z", ["receivedFrom"]),
    "plus as a blank": ("receivedFrom=2026-01-31T09:30:00+01:00", ["receivedFrom"]),
    "several": ("limit=0&status=x&a=b", ["limit", "status", "a"]),
}


@pytest.mark.parametrize(("query", "fields"), QUERIES.values(), ids=QUERIES)
def test_invalid_query(client: TestClient, query: str, fields: list[str]) -> None:
    assert_problem(client.get(f"{PATH}?{query}"), 422, "VALIDATION_ERROR", *fields)


@pytest.mark.parametrize("query", ["status=FAILED", "limit=1", "metadata.A=1", "metadata=1"])
def test_invalid_summary_query(client: TestClient, query: str) -> None:
    name = query.partition("=")[0]
    response = client.get(f"{PATH}/summary?{query}")
    assert_problem(response, 422, "VALIDATION_ERROR", name)
