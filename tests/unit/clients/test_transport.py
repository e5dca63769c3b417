"""What leaves a connection, how long it waits, and what it keeps."""

from __future__ import annotations

import gzip
import socket
import tracemalloc

import pytest
from requests import PreparedRequest
from requests.auth import AuthBase

from shared.clients.http import HttpClient, NoAnswerError
from tests.unit.clients.support import (
    FakeClock,
    RawServer,
    Reply,
    misbehaving,
    read_request,
    serving,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SECONDS = 20.0
"""Longer than anything here takes."""


def client(url: str) -> HttpClient:
    return HttpClient(url, timeout_seconds=SECONDS)


@pytest.mark.parametrize("size", [0, 1, 16_000, 16_384, 20_000, 1_000_000])
def test_a_body_of_any_size_arrives_whole(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    with serving([Reply()]) as server:
        http = client(server.url)
        for _ in range(2):  # over a new connection, and over a kept one
            http.request("POST", "/x", body=body[:size])

    assert [received.body for received in server.received] == [body[:size]] * 2
    assert server.connections == 1


def test_headers_and_a_small_body_leave_together() -> None:
    pieces: list[bytes] = []

    def script(connection: socket.socket, _: RawServer) -> None:
        pieces.append(connection.recv(65_536))
        connection.sendall(OK)

    for _ in range(10):  # two pieces could be seen as one, by chance
        with misbehaving(script) as server:
            client(server.url).request("POST", body=b"payload")

    assert all(piece.endswith(b"\r\n\r\npayload") for piece in pieces)


class Signature(AuthBase):
    """Leaves the request alone, and returns another one."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        signed = request.copy()
        signed.headers["Authorization"] = "signed"
        signed.body = b"signed"
        return signed


def test_what_an_authentication_returns_is_sent() -> None:
    with serving([Reply()]) as server:
        http = HttpClient(server.url, timeout_seconds=SECONDS, auth=Signature())
        answer = http.request("POST", "/x", body=b"payload")

    [received] = server.received
    assert (received.body, received.headers["Authorization"]) == (b"signed", "signed")
    assert answer.authorization == "signed"


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "", "/"),
        ("", "/x", "/x?a=%C3%BC+b"),
        ("/", "/x", "/x?a=%C3%BC+b"),
        ("/base", "/x/a%2Fb", "/base/x/a%2Fb?a=%C3%BC+b"),
        ("/keys?version=2", "", "/keys?version=2"),
        ("/a b", "/x", "/a%20b/x?a=%C3%BC+b"),
    ],
)
def test_a_path_is_asked_for_below_the_base(base: str, path: str, target: str) -> None:
    received: list[bytes] = []

    # By the bytes: the servers of the standard library make one slash of two.
    def script(connection: socket.socket, _: RawServer) -> None:
        received.append(read_request(connection))
        connection.sendall(OK)

    with misbehaving(script) as server:
        client(server.url + base).request("GET", path, params={"a": "ü b"} if path else None)

    assert received[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


def test_a_wait_that_begins_late_ends_with_the_call() -> None:
    clock = FakeClock()

    def script(connection: socket.socket, server: RawServer) -> None:
        read_request(connection)
        clock.advance(SECONDS - 0.05)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        # Only the client can end this; with the limit of its first wait, long after this one.
        silence.append(not server.stopped.wait(SECONDS / 4))

    silence: list[bool] = []
    with misbehaving(script) as server:
        http = HttpClient(server.url, timeout_seconds=SECONDS, monotonic=clock.monotonic)
        with pytest.raises(NoAnswerError, match="TimeoutError"):
            http.request("GET")
    assert silence == [False]


def test_a_connection_is_kept_however_its_answers_are_framed() -> None:
    body = b'{"a": 1}'
    packed = gzip.compress(body)
    connections: list[socket.socket] = []

    def chunked(data: bytes) -> bytes:
        return b"".join(b"%x\r\n%b\r\n" % (len(some), some) for some in (data[:3], data[3:], b""))

    answers = [
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body),
        b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n" + chunked(packed),
        b"Content-Length: %d\r\nContent-Encoding: gzip\r\n\r\n%b" % (len(packed), packed),
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
    ]

    def script(connection: socket.socket, _: RawServer) -> None:
        connections.append(connection)
        for answer in answers:
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + answer)

    with misbehaving(script) as server:
        http = client(server.url)
        assert [http.request("GET").json() for _ in answers] == [{"a": 1}] * len(answers)

    assert len(connections) == 1


def test_what_inflates_without_end_is_inflated_up_to_the_limit() -> None:
    packed = gzip.compress(bytes(100_000_000))
    with serving([Reply(200, packed, {"Content-Encoding": "gzip"})]) as server:
        http = HttpClient(server.url, timeout_seconds=SECONDS, max_body_bytes=1_000_000)
        tracemalloc.start()
        try:
            with pytest.raises(NoAnswerError, match="too large"):
                http.request("GET")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 10_000_000
