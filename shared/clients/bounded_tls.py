"""TLS that ends when its time is up, for libraries that wait without a limit."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

_MAX_OPEN = 2
"""One for messages, one for questions about a hub. A third takes the place of the oldest, which
its client has lost and forgotten."""


class BoundedTls(ssl.SSLContext):
    """For the connections of one client: cuts them off at the end of a limit.

    Whoever waits for an answer then reads the end of the connection instead, and a new one is
    refused. Between two limits connections stay. Certificate and host name are checked, always.
    """

    def __new__(cls, _ca_file: Path | None) -> Self:
        """Make a context for clients: it demands a certificate that fits."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca_file: Path | None) -> None:
        """Trust the authorities of a PEM file, or the system's."""
        if ca_file:
            self.load_verify_locations(ca_file)
        else:
            self.load_default_certs()
        self._connections: list[ssl.SSLSocket] = []
        self._ends_at = 0.0

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Let connections live for so long; not for two threads at a time."""
        self._ends_at = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._cut_off)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if self._remaining() <= 0:
                self.close()

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin TLS on a connection. Raises TimeoutError, also where the handshake lasts."""
        if self._remaining() <= 0:
            raise TimeoutError("no time left to connect")
        sock.settimeout(self._remaining())
        connection = super().wrap_socket(sock, *args, **options)
        self._connections = [one for one in self._connections if one.fileno() != -1]
        if len(self._connections) == _MAX_OPEN:
            self._connections.pop(0).close()
        self._connections.append(connection)
        if self._remaining() <= 0:  # just now: nobody would cut it off
            self.close()
            raise TimeoutError("no time left to connect")
        return connection

    def close(self) -> None:
        """Close all connections, also those that the client has lost."""
        while self._connections:
            self._connections.pop().close()

    def _remaining(self) -> float:
        return self._ends_at - time.monotonic()

    def _cut_off(self) -> None:
        for connection in tuple(self._connections):
            with suppress(OSError):  # closed already
                # Not the method of SSLSocket, which pulls TLS away from under a reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
