"""Workers as processes: two of them are what a lost lease or a scale-out looks like."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from tests.functions.worker import DEADLINE_SECONDS, ROOT


class WorkerProcess:
    """A worker process with one function."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.loaded: dict[str, Any] = {}
        """What loading the function took and brought in."""

    def begin_loading(self, environment: Mapping[str, str]) -> None:
        """Hand over the settings; returns at once."""
        self._send({"environment": dict(environment)})

    def wait_until_loaded(self) -> None:
        """Wait until the function can be invoked."""
        self.loaded = self._receive()

    def begin_tick(self, *, past_due: bool = False) -> None:
        """Let the timer fire; returns at once."""
        self._send({"pastDue": past_due})

    def summary(self) -> dict[str, Any]:
        """Wait for the end of the run and return its summary."""
        outcome = self._receive()
        assert outcome["error"] is None, outcome
        [summary] = outcome["summaries"]
        return dict(summary)

    def lines(self) -> list[str]:
        """Wait for the end of the run and return what the host was told meanwhile."""
        outcome = self._receive()
        assert outcome["error"] is None, outcome
        return list(outcome["lines"])

    def end(self) -> None:
        """Close its input, which ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(DEADLINE_SECONDS) == 0

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(DEADLINE_SECONDS, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, "the worker process ended, or gave no answer in time"
        return dict(json.loads(line))


@contextlib.contextmanager
def worker_processes(settings: Mapping[str, str], *names: str) -> Iterator[list[WorkerProcess]]:
    """Start a worker for each function named, all at once. They start without any setting."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OMS_")}
    workers: list[WorkerProcess] = []
    with contextlib.ExitStack() as stack:
        for name in names:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.functions.worker_process", name],
                cwd=ROOT,
                env=bare,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            workers.append(WorkerProcess(process))
            workers[-1].begin_loading({**bare, **settings})
        for worker in workers:
            worker.wait_until_loaded()
        yield workers
        for worker in workers:
            worker.end()
