from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.jobs.intake import Intake
from shared.jobs.operations import Operations
from shared.jobs.outcomes import Recorder
from shared.jobs.queries import Caller, Queries
from shared.web.app import create_app
from shared.web.security import anonymous_caller
from shared.web.services import Services
from tests.unit.jobs.fakes import ScriptedThunderhead, earlier_documents
from tests.unit.web.fakes import Clock, FakeReferenceData, MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def reference_data() -> FakeReferenceData:
    return FakeReferenceData()


@pytest.fixture
def services(store: MemoryStore, reference_data: FakeReferenceData) -> Services:
    clock = Clock()
    recorder = Recorder("test", "topic")
    return Services(
        intake=Intake(store, reference_data, clock, uuid4),
        queries=Queries(store),
        operations=Operations(
            store,
            reference_data,
            earlier_documents(store, ScriptedThunderhead(), clock),
            recorder,
            lambda _: "topic",
            clock,
        ),
        authenticate=anonymous_caller,
        clock=clock,
    )


@pytest.fixture
def app(services: Services) -> FastAPI:
    return create_app(services)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client_of(services: Services) -> Iterator[Callable[..., TestClient]]:
    """Makes a client whose calls come from a caller entitled to some source systems."""

    def make(*source_systems: str) -> TestClient:
        async def authenticate(_headers: Mapping[str, str]) -> Caller:
            return Caller("somebody", frozenset(source_systems))

        return TestClient(create_app(replace(services, authenticate=authenticate)))

    return make


@pytest.fixture
def body() -> dict[str, Any]:
    return {
        "sourceSystem": "ARCADE",
        "requestCorrelationId": "REQ-0001-9749",
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "metadata": {"INVOICE_ID": "490634", "FOOTER_ID": "2"},
        "content": {"Document": {"total": 12.5, "lines": [{"text": "Premium"}]}},
    }
