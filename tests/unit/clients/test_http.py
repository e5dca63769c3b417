from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from shared.clients import transport
from shared.clients.deadline import time_limit
from shared.clients.http import (
    HttpClient,
    NoAnswerError,
    NotSentError,
    Response,
    UnreadableBodyError,
)
from tests.telemetry import recorded
from tests.unit.clients.certificates import write_self_signed
from tests.unit.clients.support import (
    TRACE_ID,
    TRACEPARENT,
    RawServer,
    Reply,
    drip,
    misbehaving,
    read_request,
    serving,
    unused_port,
)

TIMEOUT = 0.3
PATIENCE = 3.0
"""Far more than TIMEOUT, far less than what a call without a limit would take."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def client(url: str, timeout_seconds: float = 5.0, **options: Any) -> HttpClient:
    return HttpClient(url, timeout_seconds=timeout_seconds, **options)


# --- an answer ---------------------------------------------------------------------------


def test_an_answer_is_returned_whole() -> None:
    with serving([Reply(202, {"a": 1}, {"Retry-After": "7"})]) as server:
        answer = client(server.url).request("POST", "/x", body=b"payload", params={"q": "a b&c"})

    assert (answer.status, answer.json(), answer.headers["retry-after"]) == (202, {"a": 1}, "7")
    (received,) = server.received
    assert (received.method, received.path, received.body) == ("POST", "/x", b"payload")
    assert received.query == {"q": "a b&c"}
    assert received.headers["User-Agent"].startswith("oms/")


def test_the_trace_is_continued_by_a_child() -> None:
    with serving([Reply()]) as server:
        client(server.url).request("GET", traceparent=TRACEPARENT)

    headers = server.received[0].headers
    assert headers["X-Correlation-ID"] == TRACE_ID
    assert headers["traceparent"].split("-")[1] == TRACE_ID
    assert headers["traceparent"] != TRACEPARENT


def test_a_call_without_a_trace_starts_one() -> None:
    with serving([Reply()]) as server:
        client(server.url).request("GET")

    headers = server.received[0].headers
    assert headers["traceparent"].split("-")[1] == headers["X-Correlation-ID"]


def test_a_compressed_body_is_unpacked() -> None:
    body = gzip.compress(b'{"a": 1}')
    with serving([Reply(200, body, {"Content-Encoding": "gzip"})]) as server:
        assert client(server.url).request("GET").json() == {"a": 1}


def test_a_thread_keeps_its_connection() -> None:
    with serving([Reply()]) as server:
        http = client(server.url)
        for _ in range(3):
            http.request("GET")
        assert server.connections == 1
        thread = threading.Thread(target=http.request, args=("GET",))
        thread.start()
        thread.join()
        assert server.connections == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_returned_and_not_followed(status: int) -> None:
    with serving([Reply(status, b"x", {"Location": "/elsewhere"})]) as server:
        answer = client(server.url).request("POST", body=b"secret")

    assert answer.status == status
    assert len(server.received) == 1


def test_cookies_are_not_kept() -> None:
    with serving([Reply(headers={"Set-Cookie": "a=b; Path=/"})]) as server:
        http = client(server.url)
        for _ in range(2):
            http.request("GET")
    assert "Cookie" not in server.received[1].headers


# --- not sent ----------------------------------------------------------------------------


def test_a_refused_connection_is_not_sent() -> None:
    with pytest.raises(NotSentError, match="ConnectionRefusedError"):
        client(f"http://127.0.0.1:{unused_port()}").request("POST", body=b"x")


def test_an_unknown_host_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NotSentError, match="gaierror"):
        client("http://nowhere.example").request("GET")


def test_silent_addresses_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []

    def silent(address: tuple[str, int], timeout: float, **_: object) -> None:
        shares.append((address[0], timeout))
        raise TimeoutError

    found = [(0, 0, 0, "", (f"192.0.2.{n}", 80)) for n in range(3)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(transport, "create_connection", silent)
    with pytest.raises(NotSentError, match="TimeoutError"):
        client("http://blackhole.example", 9).request("GET")

    assert [address for address, _ in shares] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
    assert [round(timeout) for _, timeout in shares] == [3, 4, 9]


def test_an_untrusted_certificate_is_not_sent(tmp_path: Path) -> None:
    with tls_server(tmp_path) as server, pytest.raises(NotSentError, match="SSLCertVerification"):
        client(f"https://localhost:{server.port}").request("GET")


def test_an_empty_bundle_in_the_environment_does_not_switch_verification_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    with tls_server(tmp_path) as server, pytest.raises(NotSentError):
        client(f"https://localhost:{server.port}").request("GET")


def test_the_bundle_of_the_environment_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert client(f"https://localhost:{server.port}").request("GET").status == 200


def test_a_missing_bundle_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(NotSentError):
        client("https://localhost:1").request("GET")


def test_a_handshake_that_does_not_end_is_not_sent() -> None:
    def script(connection: socket.socket, server: RawServer) -> None:
        server.stopped.wait()

    with misbehaving(script) as server, within(PATIENCE), pytest.raises(NotSentError):
        client(f"https://127.0.0.1:{server.port}", TIMEOUT).request("GET")


def test_time_used_up_before_the_call_is_not_sent() -> None:
    with serving([Reply()]) as server, time_limit(0), pytest.raises(NotSentError):
        client(server.url).request("GET")
    assert server.received == []


def test_time_used_up_on_a_kept_connection_is_not_sent() -> None:
    with serving([Reply()]) as server:
        http = client(server.url)
        http.request("GET")
        with time_limit(0), pytest.raises(NotSentError):
            http.request("GET")
    assert len(server.received) == 1


# --- no answer ---------------------------------------------------------------------------


def answer_with(data: bytes) -> Callable[[socket.socket, RawServer], None]:
    """Read the request, send something, and close."""

    def script(connection: socket.socket, _: RawServer) -> None:
        read_request(connection)
        connection.sendall(data)

    return script


def drip_after(start: bytes, then: bytes) -> Callable[[socket.socket, RawServer], None]:
    def script(connection: socket.socket, server: RawServer) -> None:
        read_request(connection)
        connection.sendall(start)
        drip(connection, server, then)

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(drip_after(b"", b"HTTP/1.1 200 OK  "), id="status line"),
        pytest.param(drip_after(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"), id="headers"),
        pytest.param(
            drip_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"), id="body"
        ),
        pytest.param(
            drip_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            id="chunks",
        ),
        pytest.param(drip_after(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), id="body without end"),
        pytest.param(drip_after(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim answers"),
    ],
)
def test_a_slow_drip_ends_with_the_time_limit(
    script: Callable[[socket.socket, RawServer], None],
) -> None:
    with (
        misbehaving(script) as server,
        within(PATIENCE),
        pytest.raises(NoAnswerError, match="TimeoutError"),
    ):
        client(server.url, TIMEOUT).request("GET")


def test_silence_ends_with_the_time_limit() -> None:
    def script(connection: socket.socket, server: RawServer) -> None:
        server.stopped.wait()

    with misbehaving(script) as server, within(PATIENCE), pytest.raises(NoAnswerError):
        client(server.url, TIMEOUT).request("GET")


def test_a_server_that_does_not_read_ends_with_the_time_limit() -> None:
    def script(connection: socket.socket, server: RawServer) -> None:
        server.stopped.wait()

    with misbehaving(script) as server, within(PATIENCE), pytest.raises(NoAnswerError):
        client(server.url, TIMEOUT).request("POST", body=bytes(30_000_000))


def test_a_reset_is_no_answer() -> None:
    def script(connection: socket.socket, _: RawServer) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with misbehaving(script) as server, pytest.raises(NoAnswerError, match="ConnectionReset"):
        client(server.url).request("GET")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 20", id="half a status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", id="short body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="short chunk"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", id="no last chunk"
        ),
        pytest.param(b"NONSENSE\r\n\r\n", id="no HTTP"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            id="no gzip",
        ),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(answer: bytes) -> None:
    with misbehaving(answer_with(answer)) as server, pytest.raises(NoAnswerError):
        client(server.url).request("GET")


def test_a_kept_connection_that_breaks_is_no_answer() -> None:
    def script(connection: socket.socket, _: RawServer) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)  # and close: perhaps after having worked on it

    with misbehaving(script) as server:
        http = client(server.url)
        assert http.request("GET").status == 200
        with pytest.raises(NoAnswerError, match="RemoteDisconnected"):
            http.request("GET")


def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    with misbehaving(answer_with(OK)) as server:
        http = client(server.url)
        assert http.request("GET").status == 200
        assert server.served.acquire(timeout=5)  # the first connection is closed now
        assert http.request("GET").status == 200


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_body_that_is_too_large_is_no_answer(headers: dict[str, str]) -> None:
    body = gzip.compress(bytes(1_000_000)) if headers else bytes(1_000_000)
    with serving([Reply(200, body, headers)]) as server:
        with pytest.raises(NoAnswerError, match="too large"):
            client(server.url, max_body_bytes=999_999).request("GET")
        assert client(server.url, max_body_bytes=1_000_000).request("GET").status == 200


def test_the_client_works_on_after_a_failure() -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", OK])

    def script(connection: socket.socket, _: RawServer) -> None:
        read_request(connection)
        connection.sendall(next(answers))

    with misbehaving(script) as server:
        http = client(server.url)
        with pytest.raises(NoAnswerError):
            http.request("GET")
        assert http.request("GET").status == 200


# --- proxies -----------------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([Reply(200, {"via": "proxy"})]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        answer = client("http://service.example/base").request("GET", "/x")

    assert answer.json() == {"via": "proxy"}
    assert proxy.received[0].target == "http://service.example/base/x"


def test_no_proxy_of_the_environment_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving([Reply()]) as server:
        assert client(server.url).request("GET").status == 200


def test_a_proxy_that_opens_no_tunnel_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([Reply(502)]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(NotSentError):
            client("https://service.example").request("POST", body=b"x")

    assert [received.method for received in proxy.received] == ["CONNECT"]


def test_a_tunnel_that_does_not_open_in_time_means_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with misbehaving(drip_after(b"", b"HTTP/1.1 200 OK  ")) as proxy, within(PATIENCE):
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(NotSentError):
            client("https://service.example", TIMEOUT).request("POST", body=b"x")


# --- messages and bodies -----------------------------------------------------------------


def test_messages_hold_neither_query_nor_body() -> None:
    with pytest.raises(NotSentError) as caught:
        client(f"http://127.0.0.1:{unused_port()}").request(
            "POST", params={"q": "private"}, body=b"private"
        )
    assert str(caught.value) == "127.0.0.1: no connection (ConnectionRefusedError)"
    assert "private" not in repr(Response(200, {}, b"private", "Bearer private"))


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b'while(1);{"a": 1}', b'\n while(1); {"a": 1}', b'\xef\xbb\xbf{"a": 1}']
)
def test_the_guard_before_json_is_stripped(body: bytes) -> None:
    assert Response(200, {}, body).json() == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a"', b"\xff\xff", b"[" * 100_000])
def test_an_unreadable_body_is_said_to_be_one(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        Response(200, {}, body).json()


# --- helpers -----------------------------------------------------------------------------


class within:  # noqa: N801
    """Fails if the block takes longer: a limit of the call, not of the machine."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        assert time.monotonic() - self._start < self._seconds


def tls_server(folder: Path) -> AbstractContextManager[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_self_signed(folder))

    def script(connection: socket.socket, server: RawServer) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            answer_with(OK)(secure, server)

    return misbehaving(script)


# --- spans -----------------------------------------------------------------------------


def test_a_call_is_a_span_without_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = recorded(monkeypatch)
    with serving([Reply(200), Reply(503)]) as server:
        calls = client(server.url)
        for _ in range(2):
            calls.request("GET", "/batches/7", params={"name": "Jane"}, template="/batches/{id}")
        sent = [received.headers["traceparent"] for received in server.received]
    first, second = telemetry.named("GET /batches/{id}")
    assert first.attributes
    assert first.attributes["url.full"] == f"{server.url}/batches/7"
    assert first.attributes["http.response.status_code"] == 200
    assert second.attributes
    assert second.attributes["error.type"] == "503"
    for span, traceparent in zip((first, second), sent, strict=True):
        assert span.context
        assert traceparent.split("-")[2] == f"{span.context.span_id:016x}"
    assert "Jane" not in telemetry.all_of_spans()


def test_a_call_without_an_answer_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = recorded(monkeypatch)
    with pytest.raises(NotSentError):
        client(f"http://127.0.0.1:{unused_port()}").request("GET", "/x")
    [span] = telemetry.named("GET /x")
    assert span.attributes
    assert span.attributes["error.type"] == "NotSentError"
