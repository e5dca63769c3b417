"""A PostgreSQL for the peers of the product: made for one run, and gone after it.

As Debian packages it, with the default settings, which are durable (`fsync` and
`synchronous_commit` are on; so is what the product sets for SQLite: a write-ahead log, synced at
every commit). It listens on a Unix socket. Its folder is beside those of the SQLite files: both
engines write to the same disk.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

PROGRAMS = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each version apart, and out of PATH."""
SUPERUSER = "postgres"
"""In the database; on a machine where this is run as root also who runs the server."""

_START_SECONDS = 30
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    programs: Path
    folder: Path

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database; returns its URL."""
        name = f"bench_{uuid4().hex}"
        self._do("createdb", name)
        try:
            yield f"postgresql://{SUPERUSER}@/{name}?host={self.folder}"
        finally:
            self._do("dropdb", "--force", name)

    def is_ready(self) -> bool:
        command = [self.programs / "pg_isready", "--quiet", *self._where]
        return subprocess.run(command, check=False).returncode == 0

    @property
    def _where(self) -> Sequence[str]:
        return ("--host", str(self.folder), "--username", SUPERUSER)

    def _do(self, program: str, *arguments: str) -> None:
        subprocess.run([self.programs / program, *self._where, *arguments], check=True)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run a server of its own; raises RuntimeError where PostgreSQL is not installed."""
    with tempfile.TemporaryDirectory(prefix="oms-bench-postgresql-") as path:
        server = Server(_programs(), Path(path))
        user = _unprivileged(server.folder)
        data = server.folder / "data"
        initdb = [server.programs / "initdb", "--auth", "trust", "--username", SUPERUSER]
        locale = ["--encoding", "UTF8", "--no-locale"]
        subprocess.run(
            ["setpriv", *user, *initdb, *locale, data], check=True, stdout=subprocess.DEVNULL
        )
        # The kernel ends it if this process is killed. SIGINT is PostgreSQL's fast shutdown.
        start = ["setpriv", "--pdeathsig", "INT", *user, server.programs / "postgres", "-D", data]
        socket = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={server.folder}"]
        log = server.folder / "log"
        with log.open("wb") as output, subprocess.Popen([*start, *socket], stderr=output) as run:
            try:
                _wait_until_ready(server, run, log)
                yield server
            finally:
                _stop(run)


def _programs() -> Path:
    versions = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    if not found:
        raise RuntimeError("PostgreSQL is not installed: make bench-peers, or apt-get")
    return Path(found).resolve().parent


def _unprivileged(folder: Path) -> Sequence[str]:
    """Return who the server runs as, for setpriv: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return ()
    owner = pwd.getpwnam(SUPERUSER)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ("--reuid", SUPERUSER, "--regid", str(owner.pw_gid), "--init-groups")


def _wait_until_ready(server: Server, run: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not server.is_ready():
        if run.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"PostgreSQL does not start: {log.read_text(errors='replace')}")
        time.sleep(0.1)


def _stop(run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGINT)
    try:
        run.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
