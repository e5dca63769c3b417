"""TLS and SASL in front of the mock broker, which has neither: as an Event Hubs namespace asks.

It ends TLS, answers SaslHandshake and SaslAuthenticate itself, and passes everything else on to
the broker, once the connection is authenticated. A token's connection must authenticate again
before the token ends; otherwise it is closed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.events.accepting import accept, in_a_thread
from tests.integration.events.refusal import Refused

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
UNSUPPORTED_SASL_MECHANISM, SASL_AUTHENTICATION_FAILED = 33, 58
HOST = "localhost"

Authenticate = Callable[[str, bytes], float | None]
"""Mechanism and first message; returns how many seconds the session may last (None: for ever).

Raises Refused.
"""


@dataclass
class KafkaGate:
    """A gate that is open; what it has seen."""

    broker: str
    authenticate: Authenticate
    context: ssl.SSLContext
    port: int
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    """Mechanism and message of each authentication."""
    refused: list[str] = field(default_factory=list)
    requests_before_authentication: int = 0

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.port}"

    async def attend(self, connection: socket.socket) -> None:
        """Pass requests and answers on until either side, or the gate, has had enough."""
        loop = asyncio.get_running_loop()
        near = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(near)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=self.context
        )
        to_near = asyncio.StreamWriter(transport, protocol, near, loop)
        try:
            host, _, port = self.broker.rpartition(":")
            far, to_far = await asyncio.open_connection(host, int(port))
            try:
                await _Connection(self, near, to_near, far, to_far).run()
            finally:
                to_far.close()
        finally:
            to_near.close()


class _Connection:
    def __init__(
        self,
        gate: KafkaGate,
        near: asyncio.StreamReader,
        to_near: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        to_far: asyncio.StreamWriter,
    ) -> None:
        self._gate = gate
        self._near, self._to_near, self._far, self._to_far = near, to_near, far, to_far
        self._version_requests: set[bytes] = set()
        self._mechanism = ""
        self._session_ends: float | None = 0.0
        """On the loop's clock; 0: not authenticated yet."""

    async def run(self) -> None:
        answers = asyncio.create_task(self._pass_answers())
        try:
            while await self._pass_request():
                pass
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                await answers

    async def _pass_request(self) -> bool:
        """Take one request; returns whether the connection goes on."""
        frame = await _read_frame(self._near)
        key, version, client_length = struct.unpack_from(">hh4xh", frame)
        correlation, body = frame[4:8], frame[10 + max(0, client_length) :]
        if key == SASL_HANDSHAKE:
            return await self._handshake(correlation, body)
        if key == SASL_AUTHENTICATE:
            return await self._authenticate(correlation, body, version)
        if key == API_VERSIONS:
            self._version_requests.add(correlation)
        elif not self._is_authenticated():
            self._gate.requests_before_authentication += 1
            return False
        await _write_frame(self._to_far, frame)
        return True

    def _is_authenticated(self) -> bool:
        return self._session_ends is None or asyncio.get_running_loop().time() < self._session_ends

    async def _handshake(self, correlation: bytes, body: bytes) -> bool:
        (length,) = struct.unpack_from(">h", body)
        self._mechanism = body[2 : 2 + length].decode()
        known = ("PLAIN", "OAUTHBEARER")
        is_known = self._mechanism in known
        names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in known)
        error = 0 if is_known else UNSUPPORTED_SASL_MECHANISM
        answer = struct.pack(">hi", error, len(known)) + names
        await _write_frame(self._to_near, correlation + answer)
        return is_known

    async def _authenticate(self, correlation: bytes, body: bytes, version: int) -> bool:
        (length,) = struct.unpack_from(">i", body)
        message = body[4 : 4 + length]
        try:
            seconds = self._gate.authenticate(self._mechanism, message)
        except Refused as refusal:
            self._gate.refused.append(str(refusal))
            text = str(refusal).encode()
            answer = struct.pack(">hh", SASL_AUTHENTICATION_FAILED, len(text)) + text
            seconds = 0.0
        else:
            self._gate.accepted.append((self._mechanism, message))
            answer = struct.pack(">hh", 0, -1)
        answer += struct.pack(">i", 0)
        if version >= 1:
            answer += struct.pack(">q", round((seconds or 0) * 1000))
        now = asyncio.get_running_loop().time()
        self._session_ends = None if seconds is None else now + seconds
        await _write_frame(self._to_near, correlation + answer)
        return seconds != 0.0

    async def _pass_answers(self) -> None:
        host, _, port = self._gate.broker.rpartition(":")
        # The broker's address in its answers, and ours: of the same length.
        theirs = host.encode() + struct.pack(">i", int(port))
        ours = HOST.encode() + struct.pack(">i", self._gate.port)
        assert len(theirs) == len(ours)
        while True:
            frame = (await _read_frame(self._far)).replace(theirs, ours)
            if frame[:4] in self._version_requests:
                self._version_requests.discard(frame[:4])
                frame = _with_sasl(frame)
            await _write_frame(self._to_near, frame)


def _with_sasl(answer: bytes) -> bytes:
    """Add the two requests of SASL to an ApiVersions answer.

    Clients begin with version 3, which the mock broker does not know, and go on with version 0.
    """
    error, count = struct.unpack_from(">hi", answer, 4)
    if error:
        return answer
    added = struct.pack(">hhh", SASL_HANDSHAKE, 0, 1) + struct.pack(">hhh", SASL_AUTHENTICATE, 0, 1)
    return answer[:4] + struct.pack(">hi", 0, count + 2) + added + answer[10:]


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _write_frame(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()


@contextmanager
def kafka_gate(
    broker: str, certificate: Path, key: Path, authenticate: Authenticate
) -> Iterator[KafkaGate]:
    """Open a gate on `localhost` before a broker at `127.0.0.1`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gate = KafkaGate(broker, authenticate, context, listener.getsockname()[1])
        with in_a_thread(accept(listener, gate.attend)):
            yield gate
