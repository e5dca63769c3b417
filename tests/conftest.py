"""Settings of every test run."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run: a failure is repeated by running the test again.
settings.register_profile(
    "oms",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("oms")

ON_A_SERVER = "OMS_TEST_DATABASE_URL"
ON_EITHER = ("tests/integration/", "tests/crash/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(ON_A_SERVER):
        for item in items:
            if mark := item.get_closest_marker("sqlite_only"):
                item.add_marker(pytest.mark.skip(reason=f"SQLite only: {mark.args[0]}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get(ON_A_SERVER):
        return
    reports = (report for some in terminalreporter.stats.values() for report in some)
    if any(getattr(report, "nodeid", "").startswith(ON_EITHER) for report in reports):
        terminalreporter.write_line(
            f"Not covered: SQL Server. With {ON_A_SERVER} the tests of the database run there "
            "(CONTRIBUTING.md)."
        )
