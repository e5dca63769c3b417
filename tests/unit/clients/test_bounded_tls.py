from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shared.clients.bounded_tls import BoundedTls
from tests.unit.clients.certificates import write_self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_self_signed(tmp_path_factory.mktemp("tls"))


@contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[socket.socket]:
    """Take one connection, do the handshake if there is a context, and then say nothing."""

    def attend() -> None:
        with suppress(OSError):
            near, _ = listener.accept()
            with near:
                if context is None:
                    near.recv(1_000_000)
                    near.recv(1)  # until the other side gives up
                else:
                    with context.wrap_socket(near, server_side=True) as secured:
                        secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=attend, daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname()) as connection:
            yield connection
        thread.join(10)


@pytest.fixture
def mute(certificate: tuple[Path, Path]) -> Iterator[socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with listening(context) as connection:
        yield connection


def test_a_reader_is_freed_when_time_is_up(
    mute: socket.socket, certificate: tuple[Path, Path]
) -> None:
    tls = BoundedTls(certificate[0])
    with tls.limit(0.3):
        secured = tls.wrap_socket(mute, server_hostname="localhost")
        secured.settimeout(30)
        with suppress(ssl.SSLEOFError):
            assert secured.recv(1) == b""
    assert secured.fileno() == -1


def test_between_two_limits_connections_stay(
    mute: socket.socket, certificate: tuple[Path, Path]
) -> None:
    tls = BoundedTls(certificate[0])
    with tls.limit(30):
        secured = tls.wrap_socket(mute, server_hostname="localhost")
    with tls.limit(30):
        secured.sendall(b"x")
    secured.close()


def test_a_handshake_has_a_limit_too(certificate: tuple[Path, Path]) -> None:
    tls = BoundedTls(certificate[0])
    with listening(None) as connection, tls.limit(0.3), pytest.raises(TimeoutError):
        tls.wrap_socket(connection, server_hostname="localhost")


def test_without_time_there_is_no_connection(certificate: tuple[Path, Path]) -> None:
    tls = BoundedTls(certificate[0])
    near, far = socket.socketpair()
    with near, far, pytest.raises(TimeoutError, match="no time left"):
        tls.wrap_socket(near, server_hostname="localhost")


@pytest.mark.parametrize(("is_trusted", "host"), [(False, "localhost"), (True, "127.0.0.1")])
def test_a_certificate_must_fit(
    mute: socket.socket, certificate: tuple[Path, Path], is_trusted: bool, host: str
) -> None:
    tls = BoundedTls(certificate[0] if is_trusted else None)
    with tls.limit(30), pytest.raises(ssl.SSLCertVerificationError):
        tls.wrap_socket(mute, server_hostname=host)
