"""While the database lets calls wait, the event loop serves the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from shared.asgi import api
from shared.asgi_function import AsgiFunction
from shared.composition import compose
from shared.store import engine as engines
from shared.store.engine import create_engine
from shared.web import group_commit
from tests.telemetry import recorded
from tests.unit.clients.support import make_settings
from tests.unit.jobs.fakes import FakeReferenceData

PATH = "/api/v1/document-requests"
WAITING = 3


@pytest.fixture
def function(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsgiFunction]:
    monkeypatch.setattr(engines, "_SQLITE_BUSY_SECONDS", 10)
    system = compose(make_settings(database_url=database_url))
    system.clients.reference_data = FakeReferenceData()
    yield AsgiFunction(api(system))
    system.close()


def call(function: AsgiFunction, method: str, path: str, **body: Any) -> asyncio.Task[Any]:
    request = func.HttpRequest(
        method,
        f"https://oms.example{path}",
        headers={"Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )
    return asyncio.create_task(function(request, None))  # type: ignore[arg-type]


def submit(function: AsgiFunction, number: int) -> asyncio.Task[Any]:
    return call(
        function,
        "POST",
        PATH,
        sourceSystem="ARCADE",
        requestCorrelationId=f"REQ-{number}",
        documentType="INVOICE",
        documentName="IVZRECPA",
        language="EN",
        content={},
    )


async def arrived(call: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """Return a call that is in a thread, or waits for those before it."""
    await asyncio.sleep(0)
    return call


@pytest.mark.sqlite_only("the one write lock of SQLite is what calls wait for")
def test_calls_that_come_meanwhile_are_stored_together_and_their_traces_linked(
    function: AsgiFunction, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 60.0)
    telemetry = recorded(monkeypatch)

    async def run() -> None:
        await call(function, "GET", "/health/live")  # the application has started
        engine = create_engine(database_url)
        with engine.begin():
            waiting = [await arrived(submit(function, number)) for number in range(1 + WAITING)]
        engine.dispose()
        answers = await asyncio.gather(*waiting)
        assert [answer.status_code for answer in answers] == [202] * (1 + WAITING)

    asyncio.run(run())
    calls = {span.context.span_id: span for span in telemetry.named(f"POST {PATH}")}
    _, together = telemetry.named("INSERT document_requests")
    first = calls[together.parent.span_id]
    assert len({link.context.span_id for link in first.links} & set(calls)) == WAITING - 1


@pytest.mark.sqlite_only("the one write lock of SQLite is what calls wait for")
def test_calls_that_wait_for_the_database_keep_no_other_waiting(
    function: AsgiFunction, database_url: str
) -> None:
    async def run() -> None:
        engine = create_engine(database_url)
        with engine.begin():
            waiting = [submit(function, number) for number in range(WAITING)]
            for path in ("/health/live", "/health/ready", PATH):
                answer = await call(function, "GET", path)
                assert answer.status_code == 200
                assert not any(task.done() for task in waiting)
        engine.dispose()
        answers = await asyncio.gather(*waiting)
        assert [answer.status_code for answer in answers] == [202] * WAITING

    asyncio.run(run())
