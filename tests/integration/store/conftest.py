from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from tests.integration.databases import SERVER_URL
from tests.integration.store.recording import recorded


@pytest.fixture(autouse=True)
def _compiles_for_sql_server() -> Iterator[None]:
    """Whatever these tests execute compiles for SQL Server too, or the test fails there."""
    with nullcontext() if SERVER_URL else recorded(Engine):
        yield


@pytest.fixture
def owner() -> UUID:
    return uuid4()


@pytest.fixture
def stranger() -> UUID:
    return uuid4()
