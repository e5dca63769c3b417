"""Statements as spans: their kind and table, and nothing of what they hold."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from shared import tracing
from shared.store import tables
from shared.store.database import SqlStore
from tests.integration.store.samples import request, store_requests
from tests.telemetry import Telemetry, recorded


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    return recorded(monkeypatch)


def test_a_statement_is_named_after_its_kind_and_table(
    store: SqlStore, telemetry: Telemetry
) -> None:
    with tracing.span("run"):
        store_requests(store, [request("Jane Doe")])
    names = [span.name for span in telemetry.spans()]
    assert names == ["INSERT document_requests", "INSERT request_contents", "run"]
    span = telemetry.spans()[0]
    assert span.kind is SpanKind.CLIENT
    assert span.attributes
    assert span.attributes["db.collection.name"] == "document_requests"
    assert "Jane" not in telemetry.all_of_spans()


def test_a_statement_outside_of_anything_makes_no_trace(
    store: SqlStore, telemetry: Telemetry
) -> None:
    store_requests(store, [request()])
    assert telemetry.spans() == ()


def test_a_statement_that_fails_is_told_by_the_kind_of_its_error(
    store: SqlStore, telemetry: Telemetry
) -> None:
    with tracing.span("run"):
        with pytest.raises(IntegrityError), store._engine.begin() as connection:
            connection.execute(insert(tables.pauses), {"name": "Jane Doe"})
        store.read(lambda tx: tx.pauses.all())
    failed, read, _run = telemetry.spans()
    assert failed.name == "INSERT pauses"
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes
    assert failed.attributes["error.type"] == "IntegrityError"
    assert read.status.status_code is StatusCode.UNSET
    assert "Jane" not in telemetry.all_of_spans()
