import asyncio
import gc
import socket
from urllib.parse import urlsplit

import pytest
import requests
from aiohttp import web

from local.serving import ServerThread, listening


def counting_app() -> web.Application:
    """Answers how often it was asked."""
    calls: list[str] = []

    async def count(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(text=str(len(calls)))

    app = web.Application()
    app.router.add_get("/", count)
    return app


def test_serves_on_a_free_port_until_it_is_stopped() -> None:
    with ServerThread(counting_app()) as server:
        assert requests.get(server.url, timeout=5).text == "1"
    with pytest.raises(requests.ConnectionError, match="Connection refused"):
        requests.get(server.url, timeout=5)


def test_an_outage_keeps_the_address_and_the_state() -> None:
    with ServerThread(counting_app()) as server, requests.Session() as session:
        assert session.get(server.url, timeout=5).text == "1"
        server.pause()
        with pytest.raises(requests.ConnectionError, match="Connection refused"):
            session.get(server.url, timeout=5)
        server.resume()
        assert session.get(server.url, timeout=5).text == "2"


def test_can_be_stopped_during_an_outage() -> None:
    with ServerThread(counting_app()) as server:
        server.pause()


def test_a_taken_port_is_the_callers_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ServerThread(counting_app(), taken.getsockname()[1])
        with pytest.raises(OSError, match="Address already in use"):
            server.start()
        server.stop()


@pytest.mark.parametrize("turns", range(5))
def test_a_connection_that_comes_just_before_the_end_is_closed(turns: int) -> None:
    async def serve() -> socket.socket:
        async with listening(counting_app(), 0) as listener:
            address = urlsplit(listener.url)
            client = socket.create_connection((address.hostname, address.port))
            for _ in range(turns):
                await asyncio.sleep(0)
        return client

    asyncio.run(serve()).close()
    gc.collect()  # a socket that was left open is a warning, which fails the test
