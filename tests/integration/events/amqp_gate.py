"""TLS, and WebSockets on demand, in front of the AMQP server.

It passes bytes on as they are, but for one thing: Proton leaves out fields at the end of a frame
that have no value, as the standard allows, and Microsoft's client looks for them all the same. The
service always sends them, so here they are put in.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.integration.events.accepting import accept, in_a_thread

HOST = "localhost"
PATH = "/$servicebus/websocket"
PROTOCOL = "AMQPWSB10"

FIELDS = {0x10: 10, 0x11: 8, 0x12: 14, 0x13: 11, 0x14: 11, 0x15: 6, 0x16: 3, 0x17: 1, 0x18: 1}
"""How many fields each kind of frame has: open, begin, attach, flow, transfer, disposition, …"""
HEADER_BYTES = 8
AMQP, LIST0, LIST8, LIST32, NULL = 0, 0x45, 0xC0, 0xD0, b"\x40"

Send = Callable[[bytes], Awaitable[None]]


class AmqpGate:
    """A gate that is open; what it has seen."""

    def __init__(self, server_port: int, context: ssl.SSLContext) -> None:
        self.server_port = server_port
        self.context = context
        self.port = 0
        self.connections = 0
        self.websockets = 0

    async def serve(self, listener: socket.socket) -> None:
        """Pass connections on."""

        async def attend(connection: socket.socket) -> None:
            near = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(near)
            transport = await self._begin_tls(connection, lambda: protocol)
            self.connections += 1

            async def chunks(to_far: asyncio.StreamWriter) -> None:
                while data := await near.read(65536):
                    to_far.write(data)

            async def send(data: bytes) -> None:
                transport.write(data)

            try:
                await self._pass_on(chunks, send)
            finally:
                transport.abort()  # instead of waiting for the client's farewell

        await accept(listener, attend)

    async def serve_websockets(self, listener: socket.socket) -> None:
        """Pass WebSockets on."""
        application = web.Application()
        application.router.add_get(PATH, self._serve_websocket)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server

        async def attend(connection: socket.socket) -> None:
            await self._begin_tls(connection, runner.server)

        try:
            await accept(listener, attend)
        finally:
            await runner.cleanup()

    async def _begin_tls(self, connection: socket.socket, protocol: Any) -> asyncio.Transport:
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            protocol, connection, ssl=self.context
        )
        return transport

    async def _serve_websocket(self, request: web.Request) -> web.WebSocketResponse:
        self.websockets += 1
        response = web.WebSocketResponse(protocols=[PROTOCOL])
        await response.prepare(request)
        assert response.ws_protocol == PROTOCOL

        async def chunks(to_far: asyncio.StreamWriter) -> None:
            async for message in response:
                assert message.type is WSMsgType.BINARY
                to_far.write(message.data)

        with suppress(OSError, asyncio.IncompleteReadError):
            await self._pass_on(chunks, response.send_bytes)
        return response

    async def _pass_on(
        self, chunks: Callable[[asyncio.StreamWriter], Awaitable[None]], send: Send
    ) -> None:
        far, to_far = await asyncio.open_connection("127.0.0.1", self.server_port)
        there = asyncio.ensure_future(chunks(to_far))
        back = asyncio.ensure_future(_pass_frames(far, send))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            to_far.close()
            await asyncio.gather(there, back, return_exceptions=True)


async def _pass_frames(far: asyncio.StreamReader, send: Send) -> None:
    while True:
        start = await far.readexactly(HEADER_BYTES)
        if start[:4] == b"AMQP":
            await send(start)
            continue
        size, _offset, kind, channel = struct.unpack(">IBBH", start)
        body = await far.readexactly(size - HEADER_BYTES)
        if kind == AMQP and body:
            body = complete(body)
        await send(struct.pack(">IBBH", len(body) + HEADER_BYTES, 2, kind, channel) + body)


def complete(body: bytes) -> bytes:
    """Add what is missing at the end of a frame's fields."""
    described, code, constructor = body[:2], body[2], body[3]
    assert described == b"\x00\x53"
    if constructor == LIST0:
        count, fields, payload = 0, b"", body[4:]
    elif constructor == LIST8:
        size, count = body[4], body[5]
        fields, payload = body[6 : 5 + size], body[5 + size :]
    else:
        assert constructor == LIST32
        size, count = struct.unpack_from(">II", body, 4)
        fields, payload = body[12 : 8 + size], body[8 + size :]
    fields += NULL * (FIELDS[code] - count)
    head = struct.pack(">BII", LIST32, len(fields) + 4, FIELDS[code])
    return body[:3] + head + fields + payload


@contextmanager
def amqp_gate(
    server_port: int, certificate: Path, key: Path, *, websocket: bool = False, port: int = 0
) -> Iterator[AmqpGate]:
    """Open a gate on `localhost` before a server at `127.0.0.1`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    gate = AmqpGate(server_port, context)
    with socket.create_server(("127.0.0.1", port)) as listener:
        # What it accepts inherits this: two small frames must not wait for each other.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gate.port = listener.getsockname()[1]
        serve = gate.serve_websockets if websocket else gate.serve
        with in_a_thread(serve(listener)):
            yield gate
