from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.clocks import TestClock
from tests.integration.jobs.world import World, WorldStarter, start_world


@pytest.fixture
def start(clock: TestClock, database_url: str) -> Iterator[WorldStarter]:
    with ExitStack() as stack:

        def starter(**options: Any) -> World:
            return start_world(stack, clock, database_url, **options)

        yield starter


@pytest.fixture
def world(start: WorldStarter) -> World:
    return start()
