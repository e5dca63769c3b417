"""The API as its function serves it, and what intake is measured beside."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import azure.functions as func
from fastapi import FastAPI
from starlette.types import ASGIApp

from benchmarks.product import settings
from local.reference_data import create_app as reference_data
from local.serving import ServerThread
from shared.asgi import api
from shared.asgi_function import AsgiFunction
from shared.composition import compose, open_store
from shared.domain.models import DocumentRequest, HistoryEntry
from shared.jobs.intake import Intake
from shared.jobs.request_storage import CorrelationKey
from shared.loading import without_garbage_collection
from shared.web.bodies import EXAMPLE, DocumentRequestBody
from tests.token_issuer import AUDIENCE, CALLER, ROLE, issuing

T = TypeVar("T")
ONE = "/api/v1/document-requests"
MANY = f"{ONE}/batch"
MOST = 500
"""Requests that a call may hold."""
TABLES = ("document_requests", "request_contents", "request_metadata", "status_history")
JSON = {"Content-Type": "application/json"}
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

Post = Callable[[str, bytes], Awaitable[int]]
"""Sends a body to a path; returns the status of the answer."""


class Nowhere:
    """In place of the tables: takes all, and keeps nothing."""

    def __init__(self) -> None:
        self.requests = self.history = self

    def find_by_correlation(
        self, _keys: Collection[CorrelationKey]
    ) -> Mapping[CorrelationKey, DocumentRequest]:
        return {}

    def insert(self, requests: Sequence[DocumentRequest], contents: Sequence[str]) -> None:
        pass

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        pass

    def write(self, work: Callable[[Any], T]) -> T:
        return work(self)

    read = write


def bodies(first: int, count: int) -> list[bytes]:
    """The example of the API's description, with numbers."""
    return [
        json.dumps({**EXAMPLE, "requestCorrelationId": f"REQ-{number}"}).encode()
        for number in range(first, first + count)
    ]


def batch(first: int, count: int) -> bytes:
    return b'{"items": [' + b", ".join(bodies(first, count)) + b"]}"


@asynccontextmanager
async def function(
    folder: Path, *, is_authenticated: bool = False, is_stored: bool = True
) -> AsyncIterator[Post]:
    """The API behind its function; not `is_stored`: with everything but the database."""
    with issuing() as issuer, ServerThread(reference_data()) as codes:
        others: dict[str, Any] = {"reference_data_base_url": codes.url}
        headers = dict(JSON)
        if is_authenticated:
            others |= {
                "api_auth": "entra",
                "api_issuer": issuer.url,
                "api_audience": AUDIENCE,
                "api_role": ROLE,
                "api_callers": {CALLER: ["ARCADE"]},
                "api_rate_limit": "99999/minute",
            }
            headers["Authorization"] = f"Bearer {issuer.token()}"
        system = compose(settings(folder, **others))
        if is_stored:
            system.store.migrate()
        else:
            system.intake = Intake(Nowhere(), system.clients.reference_data, system.clock, uuid4)
        async with _behind_the_middleware(partial(api, system), headers) as post:
            yield post
        system.close()


@asynccontextmanager
async def _behind_the_middleware(
    make: Callable[[], ASGIApp], headers: Mapping[str, str]
) -> AsyncIterator[Post]:
    """An application as a function serves it, loaded as the function's own module does."""
    with without_garbage_collection():
        answer = AsgiFunction(make())

    async def post(path: str, content: bytes) -> int:
        url = f"https://oms.example{path}"
        request = func.HttpRequest("POST", url, headers=headers, body=content)
        return (await answer(request, None)).status_code

    yield post
    await answer._middleware.notify_shutdown()


@asynccontextmanager
async def bare_function() -> AsyncIterator[Post]:
    """Bare FastAPI behind AsgiMiddleware, each call once to a thread and back: the least there is.

    The middleware is the platform's, and who waits for a database leaves the event loop.
    """
    with ThreadPoolExecutor() as pool:

        async def wait() -> None:
            await asyncio.get_running_loop().run_in_executor(pool, int)

        async with _behind_the_middleware(partial(_bare_app, wait), JSON) as post:
            yield post


async def _wait_for_nothing() -> None:
    pass


def _bare_app(wait: Callable[[], Awaitable[None]]) -> FastAPI:
    """An application with the same model, whose endpoint does nothing but wait."""
    app = FastAPI()

    @app.post(ONE, status_code=202)
    async def submit(_body: DocumentRequestBody) -> dict[str, str]:
        await wait()
        return {"requestId": str(uuid4()), "status": "RECEIVED"}

    return app


@asynccontextmanager
async def bare_fastapi() -> AsyncIterator[Post]:
    """The same model and an async endpoint that does nothing, without anything in between."""
    app = _bare_app(_wait_for_nothing)
    headers = [(b"content-type", b"application/json")]

    async def post(path: str, content: bytes) -> int:
        status = 0

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "server": ("oms.example", 443),
            "client": None,
        }
        await app(scope, receive, send)
        return status

    yield post


async def post_all(post: Post, path: str, contents: Sequence[bytes], callers: int) -> None:
    """Send all, so many at a time; each must be accepted."""
    pending = iter(contents)

    async def call() -> None:
        for content in pending:
            status = await post(path, content)
            assert status in (202, 207), status

    await asyncio.gather(*(call() for _ in range(callers)))


Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""The rows of one request, by table."""


async def rows_of(folder: Path, count: int) -> list[Rows]:
    """What the product writes for so many requests."""
    async with function(folder) as post:
        contents = [batch(first, MOST) for first in range(0, count, MOST)]
        await post_all(post, MANY, contents, callers=1)
    requests: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    with closing(sqlite3.connect(folder / "oms.db")) as connection:
        for table in TABLES:
            cursor = connection.execute(f"SELECT request_id, * FROM {table}")
            for request_id, *row in cursor:
                of_request = requests.setdefault(request_id, {name: [] for name in TABLES})
                of_request[table].append(tuple(row))
    return list(requests.values())[:count]


@contextmanager
def bare_database(path: Path) -> Iterator[sqlite3.Connection]:
    """One connection to a database of the product's schema, with its pragmas."""
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def insert(connection: sqlite3.Connection, requests: Sequence[Rows]) -> None:
    """Insert some requests in one transaction, each table at once."""
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        rows = [row for request in requests for row in request[table]]
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
    connection.execute("COMMIT")
