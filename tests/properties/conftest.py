from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def _no_log(caplog: pytest.LogCaptureFixture) -> None:
    """The log of hundreds of examples says nothing about the one that fails."""
    caplog.set_level(logging.CRITICAL, logger="shared")
