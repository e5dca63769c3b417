"""`python -m shared …` as child processes, with nothing but environment variables."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.integration.waiting import wait_for

ROOT = Path(__file__).parents[3]
SECONDS = 120
"""How long a command, or an answer of the API, may take on a slow database."""
SUMMARY_KEYS = {
    *("claimed", "submitted", "completed", "failed", "retried", "held", "published", "seconds"),
}
Environment = dict[str, str]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "shared", *arguments]


def variables(environment: Mapping[str, str]) -> Environment:
    """Take nothing of ours from the surroundings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMS_")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error", **environment}


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=variables(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextlib.contextmanager
def started(environment: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=variables(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """Run the API on a free port; yields its base URL once it is ready."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(environment, "serve", "--host", "127.0.0.1", "--port", str(port)) as process:

        def is_ready() -> bool:
            assert process.poll() is None, process.stderr and process.stderr.read()
            with contextlib.suppress(requests.ConnectionError):
                return requests.get(f"{url}/health/ready", timeout=SECONDS).status_code == 200
            return False

        wait_for(is_ready, "the API")
        yield f"{url}/api/v1"
        process.terminate()
        process.wait(SECONDS)


def summary_of(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the summary, which is the last line of the standard output."""
    assert finished.returncode == 0, finished.stderr
    summary: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    assert set(summary) >= SUMMARY_KEYS
    return summary


def complaint_of(finished: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that says why a command could not run."""
    assert finished.returncode == 2, (finished.returncode, finished.stdout, finished.stderr)
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert re.match(r"[A-Z_]+: ", line), line
    return line
