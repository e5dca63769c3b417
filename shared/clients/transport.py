"""Connections that obey the time limit of their call, for requests.

Every wait on the socket (connect, handshake, send, status line, headers, body) gets what is
left of the call's time. The one exception is name resolution, which Python cannot interrupt:
it ends by the resolver's own limits, and the call ends right after it.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import Any, cast

from requests import Request, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from shared.clients.deadline import Call, current_call

_SEND_BYTES = 16_384
"""One TLS record: the time that is left is looked at again before each."""

_TOLERANCE_SECONDS = 0.01
"""How much longer than its call a wait may last: setting a limit is a system call."""


def _limit(sock: socket.socket, call: Call) -> None:
    """Let the next wait on a socket end with the call. Raises TimeoutError at its end."""
    seconds = call.remaining()
    limit = sock.gettimeout()
    if limit is None or not seconds <= limit <= seconds + _TOLERANCE_SECONDS:
        sock.settimeout(seconds)


class _TimedReader(io.RawIOBase):
    """A socket's stream, each read of which ends with the call."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase) -> None:
        self._sock = sock
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._sock, current_call())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse

    _held: bytearray | None = None
    """What a request under way has not sent yet."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request; its headers and a small body leave together."""
        self._held = bytearray()
        try:
            super().request(*args, **kwargs)
            held = self._held
        finally:
            self._held = None
        if held:
            self._send(held)

    def connect(self) -> None:
        call = current_call()
        before = call.is_sent
        try:
            super().connect()
        finally:
            # What asks a proxy for a tunnel is no part of the request.
            call.is_sent = before

    def _new_conn(self) -> socket.socket:
        """Connect to one of the host's addresses; a silent one leaves time for the next."""
        call = current_call()
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        failure = OSError("the host has no address")
        for index, (*_, address) in enumerate(found):
            share = call.remaining() / (len(found) - index)
            try:
                sock = create_connection(
                    (str(address[0]), self.port), share, socket_options=self.socket_options
                )
            except OSError as error:
                failure = error
                continue
            try:
                sock.settimeout(call.remaining())
            except OSError:  # the time is up just now
                sock.close()
                raise
            return sock
        raise failure

    def send(self, data: Any) -> None:
        """Send bytes (all that urllib3 makes of headers and body)."""
        if self._held is None:
            self._send(data)
        elif len(self._held) + len(data) <= _SEND_BYTES:
            self._held += data
        else:
            held, self._held = self._held, bytearray()
            self._send(held)
            self._send(data)

    def _send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = current_call()
        view = memoryview(data)
        for start in range(0, len(view), _SEND_BYTES):
            _limit(self.sock, call)
            call.is_sent = True
            super().send(view[start : start + _SEND_BYTES])


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


class _Adapter(HTTPAdapter):
    """Knows pools of timed connections, one connection each."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools (called by requests)."""
        super().init_poolmanager(*args, **kwargs)
        _use_timed_connections(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of a proxy (called by requests)."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        _use_timed_connections(manager)
        return manager


class Route:
    """The way to what is below a URL, by the environment: proxies, certificates.

    Its one connection belongs to one thread; it must be used inside `time_limit`. What requests
    would work out again for each call is worked out once.
    """

    def __init__(self, base_url: str) -> None:
        request = Request("GET", base_url).prepare()
        found = Session().merge_environment_settings(request.url, {}, None, None, None)
        verify, cert, proxies = found["verify"], found["cert"], found["proxies"]
        adapter = _Adapter()
        self.pool = cast(
            HTTPConnectionPool,
            adapter.get_connection_with_tls_context(request, verify, proxies, cert),
        )
        adapter.cert_verify(self.pool, request.url, verify, cert)  # type: ignore[no-untyped-call]
        self._base_url = request.url or base_url
        self._base_target = adapter.request_url(request, proxies)

    def url(self, path: str) -> str:
        """Return the URL of a path (with its query) below the base."""
        return _below(self._base_url, path)

    def target(self, path: str) -> str:
        """Return what a request asks for: a path, or a whole URL where a proxy is asked."""
        return _below(self._base_target, path)


def _below(base: str, path: str) -> str:
    return base.rstrip("/") + path if path.startswith("/") else base + path


def _use_timed_connections(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
