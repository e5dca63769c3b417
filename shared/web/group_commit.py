"""Group commit: calls that arrive while others are being stored are stored together, next.

A commit, a way to a thread and back, and each statement cost the same for one call as for many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from shared.web.threads import begin_in_thread

T = TypeVar("T")
R = TypeVar("R")

MOST_TOGETHER = 50
"""Calls of a group."""
PATIENCE_SECONDS = 0.1
"""How long calls wait for the group before them. (A commit of Azure SQL takes a tenth of that.)"""


class _Member(NamedTuple, Generic[T, R]):
    item: T
    result: asyncio.Future[R]
    context: Context


_Group = list[_Member[T, R]]


class GroupCommit(Generic[T, R]):
    """Does the work of concurrent calls group by group, in threads, for one event loop.

    A call alone begins at once. Calls that have waited for PATIENCE_SECONDS overtake the group
    before them, so none that hangs holds them up; and where a group fails, each of its calls is
    done again by itself, so that none fails for another's sake. So the work has to be safe to
    repeat.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._waiting: deque[_Member[T, R]] = deque()
        self._ahead: _Group[T, R] | None = None
        """Whom those that wait are waiting for."""
        self._patience: asyncio.TimerHandle | None = None

    async def __call__(self, item: T) -> R:
        """Return the result for one item. Raises what the work raises for it alone.

        The work is done in the context (the span) of the first of its group.
        """
        member = _Member[T, R](item, asyncio.get_running_loop().create_future(), copy_context())
        self._waiting.append(member)
        if self._ahead is None:
            self._begin_next()
        elif self._patience is None:
            self._be_patient()
        return await member.result

    def _be_patient(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE_SECONDS, self._begin_next)

    def _begin_next(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        count = min(len(self._waiting), MOST_TOGETHER)
        if count == 0:
            self._ahead = None
            return
        self._ahead = [self._waiting.popleft() for _ in range(count)]
        self._begin(self._ahead)
        if self._waiting:
            self._be_patient()

    def _begin(self, group: _Group[T, R]) -> None:
        items = [member.item for member in group]
        try:
            done = begin_in_thread(group[0].context, self._work, items)
        except RuntimeError as error:  # no thread can be had: nobody must wait for it
            for member in group:
                if not member.result.done():
                    member.result.set_exception(error)
            if group is self._ahead:
                self._ahead = None
        else:
            done.add_done_callback(partial(self._end, group))

    def _end(self, group: _Group[T, R], done: asyncio.Future[Sequence[R]]) -> None:
        error = done.exception()
        if error is None:
            for member, result in zip(group, done.result(), strict=True):
                if not member.result.done():
                    member.result.set_result(result)
        elif len(group) > 1:
            for member in group:
                self._begin([member])
        elif not group[0].result.done():
            group[0].result.set_exception(error)
        if group is not self._ahead:
            return
        if self._patience is not None:
            self._patience.cancel()  # and kept: nobody needs another one before the next begin
        if len(group) > 1 or self._waiting:
            # Not before those that are answered now: their callers may have the next call ready.
            asyncio.get_running_loop().call_soon(self._begin_next)
        else:
            self._ahead = None
