"""Threads for what may wait for the database or another system: the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS = 40
"""Calls that are at work at once; more wait for their turn."""

_pool = ThreadPoolExecutor(MOST_THREADS, "worker thread")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do some work in a thread, in the present context (its span).

    As AnyIO's thread pool does it, with half of the cost: nothing here cancels a call.
    """
    return await begin_in_thread(copy_context(), work, *args, **kwargs)


def begin_in_thread(
    context: Context, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> asyncio.Future[T]:
    """Have some work done in a thread, in a context that no other work is in."""
    return asyncio.get_running_loop().run_in_executor(
        _pool, partial(context.run, work, *args, **kwargs)
    )
