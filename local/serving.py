"""Runs an aiohttp application on the loopback interface: in a thread, or as a process."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from aiohttp import web

HOST = "127.0.0.1"
# Many callers connect at the same moment in a load test; the default of 128 would refuse some.
_BACKLOG = 1024
# Handlers that are left when the server stops belong to clients that are gone or stalled.
_SHUTDOWN_SECONDS = 1.0


class Listener:
    """An application that can be reached on a port, and can be made unreachable for a while."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self._port = port

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{HOST}:{self._port}"

    async def open(self) -> None:
        """Accept connections; port 0 becomes a free port, which is kept from then on."""
        self._socket = socket.create_server((HOST, self._port), backlog=_BACKLOG)
        self._port = self._socket.getsockname()[1]
        await web.SockSite(self._runner, self._socket, backlog=_BACKLOG).start()

    async def close(self) -> None:
        """Refuse connections and end those that are open."""
        for site in self._runner.sites:
            # The event loop never closes a connection that it accepted just before `stop`, so it
            # accepts no more first. The last one reaches the application within two turns.
            asyncio.get_running_loop().remove_reader(self._socket)
            for _ in range(2):
                await asyncio.sleep(0)
            await site.stop()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()
            await self._runner.server.shutdown(_SHUTDOWN_SECONDS)


@contextlib.asynccontextmanager
async def listening(app: web.Application, port: int) -> AsyncIterator[Listener]:
    """Serve the application while the context is open."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    listener = Listener(runner, port)
    try:
        await listener.open()
        yield listener
    finally:
        await listener.close()
        await runner.cleanup()


class ServerThread:
    """An application served from a thread of its own, with its own event loop.

    A context manager, or `start` and `stop`, once. Between `pause` and `resume` connections are
    refused while the application keeps its state: an outage.
    """

    def __init__(self, app: web.Application, port: int = 0) -> None:
        self._app = app
        self._port = port
        self._thread = threading.Thread(target=self._run, name="embedded-server", daemon=True)
        self._ready: Future[tuple[Listener, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    @property
    def url(self) -> str:
        """The address without a slash at its end, once the server has been started."""
        listener, _, _ = self._ready.result()
        return listener.url

    def start(self) -> Self:
        """Start serving; returns when the port accepts connections."""
        self._thread.start()
        if self._ready.exception() is not None:
            self._thread.join()
        self._ready.result()
        return self

    def stop(self) -> None:
        """Stop serving; returns when the thread has ended. Harmless when not running."""
        if self._thread.is_alive():
            _, loop, stop = self._ready.result()
            loop.call_soon_threadsafe(stop.set)
            self._thread.join()

    def pause(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        listener, loop, _ = self._ready.result()
        asyncio.run_coroutine_threadsafe(listener.close(), loop).result()

    def resume(self) -> None:
        """Accept connections again, at the same address."""
        listener, loop, _ = self._ready.result()
        asyncio.run_coroutine_threadsafe(listener.open(), loop).result()

    def __enter__(self) -> Self:
        """Start serving."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            # The port is taken: the business of the caller, who waits in `start`.
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            # Whatever else went wrong is reported by the thread; nobody may wait for ever.
            self._ready.cancel()

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with listening(self._app, self._port) as listener:
            self._ready.set_result((listener, asyncio.get_running_loop(), stop))
            await stop.wait()


def run_until_signalled(app: web.Application, port: int, path: str = "") -> None:
    """Serve as a process: print the base URL as one line when ready, end on SIGTERM or SIGINT."""
    asyncio.run(_run_until_signalled(app, port, path))


async def _run_until_signalled(app: web.Application, port: int, path: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with listening(app, port) as listener:
        print(f"{listener.url}{path}", flush=True)
        await stop.wait()
