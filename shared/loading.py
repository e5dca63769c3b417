"""Loading a function: a cold start is waited for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Load something that stays, and take it out of the collector's sight for good.

    Hardly anything of it becomes garbage, and to look for that takes a tenth of a cold start:
    modules are many objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
