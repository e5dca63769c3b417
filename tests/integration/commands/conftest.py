from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.commands.processes import Environment
from tests.integration.commands.stack import Stack, StackStarter, stack_of


@pytest.fixture
def start(database_url: str) -> Iterator[StackStarter]:
    """Starts the peers, in real time; options are those of the Thunderhead simulator."""
    with ExitStack() as stack:

        def starter(**options: Any) -> Stack:
            return stack.enter_context(stack_of(database_url, **options))

        yield starter


@pytest.fixture
def environment(database_url: str) -> Environment:
    """All settings that are required; nobody listens at these addresses."""
    return {
        "OMS_ENVIRONMENT": "local",
        "OMS_DATABASE_URL": database_url,
        "OMS_REFERENCE_DATA_BASE_URL": "http://127.0.0.1:9",
        "OMS_THUNDERHEAD_BASE_URL": "http://127.0.0.1:9/thunderhead/v1",
        "OMS_THUNDERHEAD_AUTH": "none",
        "OMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "OMS_KAFKA_SECURITY": "plaintext",
        "OMS_API_AUTH": "none",
    }
