"""Calls under way on the threads of a pool; the run's own thread takes up what they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from contextvars import copy_context
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallsUnderWay(AbstractContextManager["CallsUnderWay[T]"], Generic[T]):
    """At most `concurrency` calls at a time; more wait their turn.

    Leaving the context forgets those that have not begun: what has not been sent when a run
    fails must not be.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._pool = ThreadPoolExecutor(concurrency, "thunderhead")
        self._pending: set[Future[T]] = set()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def room(self) -> int:
        """How many more may be started so that nobody idles while the next are claimed."""
        return 3 * self._concurrency - len(self._pending)

    def start(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Begin a call as soon as a thread is free; it knows the run's span as its own thread."""
        context = copy_context()
        self._pending.add(self._pool.submit(lambda: context.run(call, *args, **kwargs)))

    def finished(self) -> Iterator[list[T]]:
        """Yield what finished, until little enough is under way to claim more."""
        return self._finished(at_most=2 * self._concurrency)

    def all_finished(self) -> Iterator[list[T]]:
        """Yield what finished, until nothing is under way: also what is started meanwhile."""
        return self._finished(at_most=0)

    def _finished(self, at_most: int) -> Iterator[list[T]]:
        while True:
            done = {future for future in self._pending if future.done()}
            self._pending -= done
            if done:
                yield [future.result() for future in done]
            elif len(self._pending) <= at_most:
                return
            else:
                wait(self._pending, return_when=FIRST_COMPLETED)
