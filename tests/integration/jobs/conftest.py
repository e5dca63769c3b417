from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.clocks import TestClock
from tests.integration.databases import SERVER_URL
from tests.integration.jobs.world import World, WorldStarter, start_world
from tests.integration.store.explaining import explained

SMALL = {"pauses", "generation_times", "statistics_mark"}
"""Tables of a few rows, which are read whole."""
OF_PEOPLE = {
    f"test_{name}"
    for name in ("audit", "batch_pages", "bulk", "overview", "request_pages", "retention")
} | {"test_statistics"}
"""What people look at, and looks of the tests' own; see tests/integration/store."""


@pytest.fixture
def start(clock: TestClock, database_url: str) -> Iterator[WorldStarter]:
    with ExitStack() as stack:

        def starter(**options: Any) -> World:
            return start_world(stack, clock, database_url, **options)

        yield starter


@pytest.fixture
def world(start: WorldStarter) -> World:
    return start()


@pytest.fixture(autouse=True)
def _scans_and_sorts_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever the jobs ask SQLite in these tests has an index for it, or the test fails there."""
    if SERVER_URL or request.path.stem in OF_PEOPLE:
        yield
        return
    with explained(Engine) as plans:
        yield
    scans = [plan for plan in plans if plan.scanned - SMALL]
    assert not scans
    # The statistics sort what happened in an hour, every few minutes.
    sorts = [plan for plan in plans if plan.sorts and "count(*) AS number" not in plan.statement]
    assert not sorts
