"""The child processes of the embedded stack: started, watched, read, and stopped without fail."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.stopping import StopSignals

ROOT = Path(__file__).parent.parent

_START_SECONDS = 30.0
# A run of a job may be under way; then it is killed, which the database is made for.
_STOP_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
_TAIL_LINES = 15


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent a signal to end."""


class StackFailed(Exception):
    """A part of the stack did not start or ended by itself; the message holds its log's tail."""


@dataclass(eq=False, slots=True)
class Child:
    """A Python module running as a process of its own."""

    name: str
    process: "subprocess.Popen[bytes]"
    output: Path
    """What it writes to stdout."""
    log: Path
    """What it writes to stderr."""
    _position: int = field(default=0, init=False)

    def lines(self) -> list[str]:
        """Return the complete lines of output since the last call."""
        with self.output.open("rb") as output:
            output.seek(self._position)
            complete = output.read().rpartition(b"\n")[0]
        if not complete:
            return []
        self._position += len(complete) + 1
        return complete.decode().split("\n")

    def failure(self, what: str) -> StackFailed:
        """Return an error that says what happened, with the end of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])
        return StackFailed(f"{self.name} {what}. The end of its log:\n{tail or '  (empty)'}")


class Children:
    """All child processes of one stack. A context manager: none of them outlives it."""

    def __init__(self, directory: Path, stop: StopSignals) -> None:
        self._directory = directory
        self._stop = stop
        self._all: list[Child] = []
        self._watched: list[Child] = []

    def start(self, name: str, environment: dict[str, str], *module: str) -> Child:
        """Start a module of this repository with its arguments."""
        output, log = self._directory / f"{name}.out", self._directory / f"{name}.log"
        with output.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                # Ctrl-C reaches the terminal's whole group; who stops when is decided here.
                process_group=0,
            )
        child = Child(name, process, output, log)
        self._all.append(child)
        self._watched.append(child)
        return child

    def pause(self, seconds: float = _PAUSE_SECONDS) -> None:
        """Let a moment pass. Raises Stopped, and StackFailed where a child has ended."""
        if self._stop.wait(seconds):
            raise Stopped
        for child in self._watched:
            if child.process.poll() is not None:
                raise child.failure(f"ended by itself with {child.process.returncode}")

    def wait_until(self, is_ready: Callable[[], bool], child: Child) -> None:
        """Wait until a child is ready."""
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready():
            if time.monotonic() > deadline:
                raise child.failure(f"was not ready after {_START_SECONDS:g} s")
            self.pause()

    def first_line(self, child: Child) -> str:
        """Wait for the first line of output, by which a child says that it is ready."""
        self.wait_until(lambda: b"\n" in child.output.read_bytes(), child)
        return child.lines()[0]

    def wait_for_end(self, child: Child) -> None:
        """Wait for a child that is meant to end."""
        self._watched.remove(child)
        self.wait_until(lambda: child.process.poll() is not None, child)
        if child.process.returncode != 0:
            raise child.failure(f"ended with {child.process.returncode}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all children: ask first, then kill."""
        for child in reversed(self._all):
            child.process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._all:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
