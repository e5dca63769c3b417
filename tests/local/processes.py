"""Modules run as processes, the way the demo runs them."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

SECONDS = 20


@dataclass
class RunningModule:
    process: "subprocess.Popen[str]"

    def line(self) -> str:
        """Return the next line of output; waits until it is written."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def terminate(self) -> int:
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def started(module: str, *arguments: str) -> Iterator[RunningModule]:
    command = [sys.executable, "-W", "error", "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield RunningModule(process)
        finally:
            process.kill()
