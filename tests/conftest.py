"""Settings of every test run."""

from __future__ import annotations

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
