"""Real exchanges on loopback: a simulator that remembers what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from local.problems import Handler
from local.serving import ServerThread
from tests.contracts.openapi import Contract, Exchange

OUR_AGENT = "oms/"


@dataclass
class Recording:
    """A simulator that runs, and what went over the wire so far."""

    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def of_our_clients(self) -> list[Exchange]:
        return [
            exchange
            for exchange in self.exchanges
            if exchange.request_headers.get("user-agent", "").startswith(OUR_AGENT)
        ]

    def assert_answers(self, contract: Contract) -> set[tuple[str, str]]:
        """Check every answer; returns which documented answers there were."""
        return {
            (contract.operation_of(one).operation_id, contract.assert_response(one))
            for one in self.exchanges
        }

    def assert_requests(self, contract: Contract) -> set[str]:
        """Check every call of our own clients; returns which operations they were."""
        return {contract.assert_request(one).operation_id for one in self.of_our_clients}


@contextmanager
def recorded(app: web.Application) -> Iterator[Recording]:
    """Serve a simulator; calls of its control interface are left out."""
    recording = Recording()

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_simulator/"):
            return await handler(request)
        body = await request.read()
        response = await handler(request)
        assert isinstance(response, web.Response), f"{request.path} was streamed"
        answered = response.body if isinstance(response.body, bytes) else b""
        headers = {name.lower(): value for name, value in response.headers.items()}
        if answered:
            headers.setdefault("content-type", response.content_type)
        recording.exchanges.append(
            Exchange(
                request.method,
                request.raw_path,
                {name.lower(): value for name, value in request.headers.items()},
                body,
                response.status,
                headers,
                answered,
            )
        )
        return response

    app.middlewares.insert(0, record)
    with ServerThread(app) as server:
        recording.url = server.url
        yield recording
