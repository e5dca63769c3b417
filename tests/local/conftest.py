from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.clock import ManualClock
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions, create_app
from tests.local.platform import Platform

StartPlatform = Callable[..., Platform]


@pytest.fixture
def start_platform() -> Iterator[StartPlatform]:
    """Starts a Thunderhead simulator with options; its clock stands still until advanced."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Platform:
            clock = ManualClock()
            options = ThunderheadOptions(
                **{"clock": clock, "generation_seconds": (10.0, 10.0), **changes}
            )
            server = stack.enter_context(ServerThread(create_app(options)))
            platform = Platform(server.url, clock, options.base_path)
            stack.callback(platform.session.close)
            return platform

        yield start


@pytest.fixture
def platform(start_platform: StartPlatform) -> Platform:
    return start_platform()
