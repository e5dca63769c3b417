"""Small real servers, a clock that stands still, settings."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shared.settings import Settings

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


class FakeClock:
    """Stands still until it is moved; usable as a wall clock and as a monotonic one."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def make_settings(**values: Any) -> Settings:
    defaults: dict[str, Any] = {
        "environment": "local",
        "reference_data_base_url": "http://reference.example/rd",
        "thunderhead_base_url": "http://thunderhead.example/thunderhead/v1",
        "thunderhead_auth": "none",
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "kafka_security": "plaintext",
        "api_auth": "none",
    }
    return Settings(**(defaults | values))


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Server(ThreadingHTTPServer):
    """Answers each request as `script` says: a function, or replies in order (the last stays)."""

    daemon_threads = True

    def __init__(self, script: Callable[[Received], Reply] | list[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.connections = 0
        self.script = script

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, request: Received) -> Reply:
        self.received.append(request)
        if callable(self.script):
            return self.script(request)
        return self.script[min(len(self.received), len(self.script)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one piece: two would wait for the client's ACK
    server: Server

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        reply = self.server.answer(Received(self.command, self.path, self.headers, body))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        if reply.status != 304:
            self.wfile.write(reply.content)

    do_POST = do_GET  # noqa: N815
    do_CONNECT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def serving(script: Callable[[Received], Reply] | list[Reply]) -> Iterator[Server]:
    with Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class RawServer:
    """Hands each connection to `script`, which may misbehave; `stopped` ends its loops."""

    def __init__(self, script: Callable[[socket.socket, RawServer], object]) -> None:
        self.stopped = threading.Event()
        self.served = threading.Semaphore(0)
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has had enough
            self._script(connection, self)
        self.served.release()

    def close(self) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def misbehaving(script: Callable[[socket.socket, RawServer], object]) -> Iterator[RawServer]:
    server = RawServer(script)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """Read a request without a body."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = connection.recv(65536)
        if not part:
            break
        data += part
    return data


def drip(connection: socket.socket, server: RawServer, data: bytes) -> None:
    """Send a byte at a time, for ever."""
    while not server.stopped.wait(0.02):
        connection.sendall(data[:1])
        data = data[1:] + data[:1]


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
