"""TLS connections that end when their time is up, for libraries that wait without a limit."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self


class BoundedTls(ssl.SSLContext):
    """Checks certificate and host name, always; cuts its connections off at the end of a limit.

    Whoever waits for an answer then reads the end of the connection instead, and a new
    connection is refused. Between two limits connections stay open.
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
        self._connections: weakref.WeakSet[socket.socket] = weakref.WeakSet()
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
            if time.monotonic() >= self._ends_at:
                for connection in list(self._connections):  # cut off; its owner may forget it
                    connection.close()

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin TLS on a connection. Raises TimeoutError, also where the handshake lasts."""
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no time left to connect")
        sock.settimeout(seconds)
        connection = super().wrap_socket(sock, *args, **options)
        self._connections.add(connection)
        return connection

    def _cut_off(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # closed already
                # Not the method of SSLSocket, which pulls TLS away from under a reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
