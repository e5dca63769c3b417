"""Takes connections in a thread, until the context ends; then no socket is left open."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Attend = Callable[[socket.socket], Awaitable[None]]
"""Attends to one connection, and closes it."""


async def accept(listener: socket.socket, attend: Attend) -> None:
    """Attend to each connection in a task of its own; when cancelled, end those that are left.

    Not with `loop.sock_accept`: cancelled when a connection has just come, it takes that one and
    leaves it to the garbage collector.
    """
    listener.setblocking(False)
    accepted: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    has_come = asyncio.Event()

    async def attend_until_it_ends(connection: socket.socket) -> None:
        # A client that trusts nobody, or has had enough, ends the connection at any time.
        with suppress(OSError, asyncio.IncompleteReadError):
            await attend(connection)

    try:
        async with asyncio.TaskGroup() as connections:
            loop.add_reader(listener, has_come.set)
            try:
                while True:
                    await has_come.wait()
                    has_come.clear()
                    with suppress(BlockingIOError):
                        connection, _ = listener.accept()
                        accepted.append(connection)
                        connections.create_task(attend_until_it_ends(connection))
            finally:
                loop.remove_reader(listener)
    finally:
        await _end(accepted)


async def _end(connections: list[socket.socket]) -> None:
    for connection in connections:
        with suppress(OSError):  # most are closed
            connection.shutdown(socket.SHUT_RDWR)  # instead of waiting for the client's farewell
    async with asyncio.timeout(10):
        while any(connection.fileno() >= 0 for connection in connections):  # noqa: ASYNC110
            await asyncio.sleep(0)  # their transports close them


@contextmanager
def in_a_thread(serving: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Run it while the context is open, then cancel it."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(serving)
    thread = threading.Thread(target=_run, args=(loop, task))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.run_until_complete(asyncio.sleep(0.01))  # closed transports let go of their sockets
    loop.close()
