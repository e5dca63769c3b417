"""Threads that work until they are told to stop, and whose errors are nobody's secret."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

_MOST_THREADS = 16


class Crew:
    """Runs functions side by side while the context is open; `stop` tells them of its end."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._pool = ThreadPoolExecutor(_MOST_THREADS)
        self._tasks: list[Future[None]] = []

    def start(self, task: Callable[..., None], *arguments: Any) -> None:
        """Start a function; its last argument is the event to stop at."""
        self._tasks.append(self._pool.submit(task, *arguments, self.stop))

    def is_done(self) -> bool:
        """Tell whether all have come to their end; raises what one of them has raised."""
        ended = [task for task in self._tasks if task.done()]
        for task in ended:
            task.result()
        return len(ended) == len(self._tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell all to stop and wait for them; an error of theirs is raised."""
        self.stop.set()
        self._pool.shutdown()
        if error is None:
            self.is_done()
