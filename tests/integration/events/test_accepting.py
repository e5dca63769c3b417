"""The gates leave no socket open: one that the garbage collector finds fails these tests."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from pathlib import Path

import pytest

from tests.integration.events.accepting import accept
from tests.integration.events.amqp_gate import HOST, amqp_gate
from tests.integration.events.kafka_gate import KafkaGate
from tests.unit.clients.certificates import write_self_signed

NOBODY = 1
"""A port on which nobody listens."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_self_signed(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("turns", range(5))
def test_a_client_that_comes_just_before_the_end(
    certificate: tuple[Path, Path], turns: int
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    gate = KafkaGate(f"127.0.0.1:{NOBODY}", lambda *_: None, context, 0)

    async def serve(listener: socket.socket) -> socket.socket:
        accepting = asyncio.create_task(accept(listener, gate.attend))
        await asyncio.sleep(0)
        client = socket.create_connection(listener.getsockname())
        for _ in range(turns):
            await asyncio.sleep(0)
        accepting.cancel()
        await asyncio.wait([accepting])
        return client

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(serve(listener)).close()
    gc.collect()


def test_a_client_that_stays(certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    with amqp_gate(NOBODY, *certificate, websocket=True) as gate:
        connection = socket.create_connection(("127.0.0.1", gate.port))
        client = context.wrap_socket(connection, server_hostname=HOST)
    client.close()
    gc.collect()
