"""A Thunderhead that costs next to nothing: takes batches after a while, and counts them.

The simulator of local/ reads every document; beside it the product could not be measured. It
serves the Reference Data simulator too, below /reference.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from aiohttp import web

from local import reference_data
from local.serving import run_until_signalled

BATCHES = "/thunderhead/v1/batches"
REFERENCE = "/reference"

_MAX_BODY_BYTES = 16 * 1024 * 1024
_DOCUMENT = re.compile(rb'"documentReference":"([^"]+)"')


class _Stub:
    def __init__(self, seconds: float, count_documents: bool) -> None:
        self._seconds = seconds
        self._count_documents = count_documents
        self._calls = 0
        self._documents = 0
        self._seen: set[bytes] = set()

    async def submit(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._calls += 1
        batch_id = self._calls
        if self._count_documents:
            found = _DOCUMENT.findall(body)
            self._documents += len(found)
            self._seen.update(found)
        await asyncio.sleep(self._seconds)
        return web.json_response({"batchId": str(batch_id), "status": "QUEUED"}, status=202)

    async def counts(self, _request: web.Request) -> web.Response:
        repeated = self._documents - len(self._seen)
        return web.json_response(
            {"calls": self._calls, "documents": self._documents, "repeated": repeated}
        )


@dataclass(frozen=True, slots=True)
class Stub:
    """Where a running stub is."""

    url: str

    @property
    def thunderhead_base_url(self) -> str:
        return f"{self.url}/thunderhead/v1"

    @property
    def reference_data_base_url(self) -> str:
        return f"{self.url}{REFERENCE}"

    @property
    def batches_url(self) -> str:
        return f"{self.url}{BATCHES}"

    def counts(self) -> dict[str, int]:
        """Return how many calls and documents arrived, and how many of these repeatedly."""
        answer: dict[str, int] = requests.get(f"{self.url}/counts", timeout=10).json()
        return answer


@contextmanager
def stub(seconds: float, *, count_documents: bool = False) -> Iterator[Stub]:
    """Run a stub in a process of its own; each call takes `seconds`."""
    command = [sys.executable, "-m", "benchmarks.thunderhead_stub", "--seconds", str(seconds)]
    if count_documents:
        command.append("--count-documents")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Stub(process.stdout.readline().strip())
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True, help="how long a call takes")
    parser.add_argument("--count-documents", action="store_true")
    options = parser.parse_args()
    one = _Stub(options.seconds, options.count_documents)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_post(BATCHES, one.submit)
    app.router.add_get("/counts", one.counts)
    app.add_subapp(REFERENCE, reference_data.create_app())
    run_until_signalled(app, 0)


if __name__ == "__main__":
    main()
