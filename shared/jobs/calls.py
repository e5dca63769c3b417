"""Calls under way on the threads of a pool; the run's own thread takes up what they bring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

GATHERING_SECONDS = 0.1
"""How long a result waits for others, with which it is recorded: a commit costs as much for one."""


class CallsUnderWay(AbstractContextManager["CallsUnderWay[T]"], Generic[T]):
    """At most `concurrency` calls at a time; more wait their turn.

    Leaving the context forgets those that have not begun: what has not been sent when a run
    fails must not be.
    """

    def __init__(self, concurrency: int) -> None:
        self._kept = 2 * concurrency
        """Under way, or next in turn: with fewer, calls would end while more are claimed."""
        self._pool = ThreadPoolExecutor(concurrency, "thunderhead")
        self._done: SimpleQueue[Future[T]] = SimpleQueue()
        self._pending = 0
        """Waiting, under way, or done and not yet taken up."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def room(self) -> int:
        """How many more may be started: up to twice what is kept."""
        return 2 * self._kept - self._pending

    def start(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Begin a call as soon as a thread is free; it knows the run's span as its own thread."""
        self._pending += 1
        context = copy_context()
        future = self._pool.submit(lambda: context.run(call, *args, **kwargs))
        future.add_done_callback(self._done.put)

    def finished(self) -> Iterator[list[T]]:
        """Yield what finished, until little enough is under way to claim more."""
        return self._finished(at_most=self._kept)

    def all_finished(self) -> Iterator[list[T]]:
        """Yield what finished, until nothing is under way: also what is started meanwhile."""
        return self._finished(at_most=0)

    def _finished(self, at_most: int) -> Iterator[list[T]]:
        while self._pending > at_most:
            done = list(self._gathered(self._pending - at_most))
            self._pending -= len(done)
            yield [future.result() for future in done]

    def _gathered(self, wanted: int) -> Iterator[Future[T]]:
        """Wait for a result; then a moment for others, until there are as many as are wanted."""
        yield self._done.get()
        ends_at = time.monotonic() + GATHERING_SECONDS
        for _ in range(wanted - 1):
            try:
                yield self._done.get(timeout=max(0.0, ends_at - time.monotonic()))
            except Empty:
                return
