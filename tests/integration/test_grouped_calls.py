"""Calls that are stored together: each has its own caller, trace and answer, whatever befalls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import azure.functions as func
import pytest

from shared.asgi import api
from shared.asgi_function import AsgiFunction
from shared.composition import System, compose
from shared.errors import DatabaseUnavailable
from shared.store.database import SqlTransaction
from shared.store.engine import create_engine
from shared.web import group_commit
from tests.token_issuer import AUDIENCE, ROLE, TokenIssuer, issuing
from tests.unit.clients.support import TRACE_ID, make_settings
from tests.unit.jobs.fakes import FakeReferenceData
from tests.unit.web.checks import PATH

T = TypeVar("T")
BODY = {
    "sourceSystem": "ARCADE",
    "documentType": "INVOICE",
    "documentName": "IVZRECPA",
    "language": "EN",
    "content": {},
}
CALLERS = {"auditor": ["*"], "arcade": ["ARCADE"], "nova": ["NOVA"]}

pytestmark = pytest.mark.sqlite_only("the one write lock of SQLite is what calls wait for")


@pytest.fixture
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def system(
    database_url: str, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 60.0)
    system = compose(
        make_settings(
            database_url=database_url,
            api_auth="entra",
            api_issuer=issuer.url,
            api_audience=AUDIENCE,
            api_role=ROLE,
            api_callers=CALLERS,
        )
    )
    system.clients.reference_data = FakeReferenceData()
    yield system
    system.close()


class Calls:
    """Makes calls of the function that serves a system."""

    def __init__(self, system: System, issuer: TokenIssuer) -> None:
        self._function = AsgiFunction(api(system))
        self._tokens = {caller: issuer.token(azp=caller) for caller in CALLERS}

    async def one(
        self,
        caller: str,
        body: bytes | Mapping[str, Any] = b"",
        *,
        method: str = "POST",
        path: str = PATH,
        trace_id: str = TRACE_ID,
    ) -> func.HttpResponse:
        content = body if isinstance(body, bytes) else json.dumps(BODY | dict(body)).encode()
        request = func.HttpRequest(
            method,
            f"https://oms.example{path}",
            headers={
                "Authorization": f"Bearer {self._tokens[caller]}",
                "Content-Type": "application/json",
                "traceparent": f"00-{trace_id}-{'2' * 16}-01",
            },
            body=content,
        )
        return await self._function(request, None)  # type: ignore[arg-type]

    async def together(
        self, database_url: str, some: Sequence[tuple[str, bytes | Mapping[str, Any]]]
    ) -> list[func.HttpResponse]:
        """Make calls while the database is locked; all but the first are one group."""
        await self.one("auditor", method="GET")  # the application has started
        engine = create_engine(database_url)
        with engine.begin():
            tasks = []
            for number, (caller, body) in enumerate(some):
                call = self.one(caller, body, trace_id=trace_id_of(number))
                tasks.append(asyncio.create_task(call))
                await asyncio.sleep(0)  # it is in a thread now, or waits for those before it
        engine.dispose()
        return await asyncio.gather(*tasks)


def trace_id_of(number: int) -> str:
    return f"{number + 1:032x}"


def of(number: int, **changes: Any) -> dict[str, Any]:
    return {"requestCorrelationId": f"REQ-{number}"} | changes


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch, system: System) -> list[int]:
    """Sizes of what intake was asked for at once."""
    sizes: list[int] = []
    submit = system.intake.submit

    def counted(arrivals: Sequence[Any]) -> Any:
        sizes.append(len(arrivals))
        return submit(arrivals)

    monkeypatch.setattr(system.intake, "submit", counted)
    return sizes


def test_each_call_of_a_group_has_its_own_caller_trace_and_answer(
    system: System, issuer: TokenIssuer, database_url: str, groups: list[int]
) -> None:
    async def run() -> None:
        calls = Calls(system, issuer)
        first = await calls.one("arcade", of(0))
        assert first.status_code == 202
        groups.clear()

        answers = await calls.together(
            database_url,
            [
                ("arcade", of(1)),  # waits for the database, and the others for it
                ("auditor", of(2)),
                ("arcade", of(0)),
                ("arcade", of(0, priority="HIGH")),
                ("nova", of(3, sourceSystem="NOVA")),
                ("nova", of(4)),
                ("arcade", of(5, language="XX")),
                ("arcade", b'{"requestCorrelationId": '),
                ("arcade", of(6, content=[])),
                ("auditor", of(2)),
            ],
        )

        assert groups == [1, 6]  # of nine calls, three hold nothing that could be stored
        statuses = [202, 202, 200, 409, 202, 403, 422, 400, 422, 200]
        assert [answer.status_code for answer in answers] == statuses
        for number, answer in enumerate(answers):
            assert answer.headers["traceparent"].split("-")[1] == trace_id_of(number)
            found = json.loads(answer.get_body())
            if answer.status_code >= 400:
                assert found["traceId"] == trace_id_of(number)
        assert answers[2].get_body() == first.get_body()
        for number, actor in ((0, "arcade"), (1, "auditor"), (4, "nova")):
            request_id = json.loads(answers[number].get_body())["requestId"]
            path = f"{PATH}/{request_id}/history"
            history = await calls.one("auditor", method="GET", path=path)
            items = json.loads(history.get_body())["items"]
            assert [item["actor"] for item in items] == [actor]
        assert stored_traces(system) == {
            "REQ-0": TRACE_ID,
            "REQ-1": trace_id_of(0),
            "REQ-2": trace_id_of(1),
            "REQ-3": trace_id_of(4),
        }

    asyncio.run(run())


def stored_traces(system: System) -> dict[str, str]:
    """Return the traces of what is stored, by correlation id."""
    keys = {(name, f"REQ-{number}") for name in ("ARCADE", "NOVA") for number in range(9)}
    found = system.store.read(lambda tx: tx.requests.find_by_correlation(keys))
    return {key[1]: row.traceparent.split("-")[1] for key, row in found.items()}


def failing_writes(
    monkeypatch: pytest.MonkeyPatch, system: System, *, after_commit: bool, times: int
) -> None:
    """Let writes fail so many times, before they begin or when they are committed."""
    write = system.store.write
    left = times

    def failing(work: Callable[[SqlTransaction], T]) -> T:
        nonlocal left
        if left == 0:
            return write(work)
        left -= 1
        if after_commit:
            write(work)
        raise DatabaseUnavailable("the connection was lost")

    monkeypatch.setattr(system.store, "write", failing)


def test_a_group_whose_commit_has_no_answer_is_stored_once(
    system: System,
    issuer: TokenIssuer,
    database_url: str,
    groups: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        calls = Calls(system, issuer)
        failing_writes(monkeypatch, system, after_commit=True, times=2)
        answers = await calls.together(
            database_url, [("arcade", of(number)) for number in range(4)]
        )
        # The first was alone, and is told so; a group is asked for again, one by one.
        assert [answer.status_code for answer in answers] == [503, 200, 200, 200]
        assert groups == [1, 3, 1, 1, 1]
        assert all("Idempotent-Replayed" in answer.headers for answer in answers[1:])
        again = await calls.one("arcade", of(0))
        assert again.status_code == 200
        assert len(stored_traces(system)) == 4

    asyncio.run(run())


def test_while_the_database_is_out_each_call_of_a_group_is_told_to_come_again(
    system: System, issuer: TokenIssuer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        calls = Calls(system, issuer)
        failing_writes(monkeypatch, system, after_commit=False, times=2 + 3)
        answers = await calls.together(
            database_url, [("arcade", of(number)) for number in range(4)]
        )
        for answer in answers:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "5"
        assert stored_traces(system) == {}
        answers = await asyncio.gather(*(calls.one("arcade", of(number)) for number in range(4)))
        assert [answer.status_code for answer in answers] == [202] * 4

    asyncio.run(run())
