"""A broker that takes so many bytes a second, as a namespace of Event Hubs does by its units.

It stands before librdkafka's mock cluster, which takes whatever this machine can send: requests
pass at the pace, answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from local.broker import MockBroker

HOST = "localhost"
"""As long as the mock's 127.0.0.1: one stands for the other in its answers."""

PIECE_BYTES = 32_768


class _Gate:
    """What requests pass, one after the other."""

    def __init__(self, broker: str, bytes_per_second: float | None) -> None:
        self._broker_host, _, port = broker.rpartition(":")
        self._broker_port = int(port)
        self._bytes_per_second = bytes_per_second
        self._free_at = 0.0
        self.port = 0

    async def attend(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        """Pass on what comes on a connection, both ways, until one side ends it."""
        far, to_far = await asyncio.open_connection(self._broker_host, self._broker_port)
        answers = asyncio.create_task(self._pass_answers(far, to_near))
        with suppress(OSError):
            while piece := await near.read(PIECE_BYTES):
                await self._wait_for(len(piece))
                to_far.write(piece)
                await to_far.drain()
        answers.cancel()
        to_far.close()
        to_near.close()

    async def _wait_for(self, size: int) -> None:
        if self._bytes_per_second is None:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + size / self._bytes_per_second
        await asyncio.sleep(self._free_at - now)

    async def _pass_answers(self, far: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        theirs = self._broker_host.encode() + struct.pack(">i", self._broker_port)
        ours = HOST.encode() + struct.pack(">i", self.port)
        assert len(theirs) == len(ours)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                (length,) = struct.unpack(">i", await far.readexactly(4))
                frame = (await far.readexactly(length)).replace(theirs, ours)
                to_near.write(struct.pack(">i", length) + frame)
                await to_near.drain()


@contextmanager
def broker(topic: str, bytes_per_second: float | None = None) -> Iterator[str]:
    """Run one in a process of its own; gives its address. None: as fast as it can."""
    command = [sys.executable, "-m", "benchmarks.paced_broker", "--topic", topic]
    if bytes_per_second:
        command += ["--bytes-per-second", str(bytes_per_second)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve(gate: _Gate) -> None:
    server = await asyncio.start_server(gate.attend, HOST, 0)
    gate.port = server.sockets[0].getsockname()[1]
    print(f"{HOST}:{gate.port}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--bytes-per-second", type=float)
    options = parser.parse_args()
    with MockBroker([options.topic]) as mock:
        asyncio.run(_serve(_Gate(mock.bootstrap_servers, options.bytes_per_second)))


if __name__ == "__main__":
    main()
