"""What the platform says of itself: variables of App Service and of the Functions worker."""

from __future__ import annotations

import os

from shared.errors import SettingsError


def is_platform_authenticating() -> bool:
    """Tell whether App Service authenticates callers.

    Where it does, it takes the header that names the caller out of every incoming call and
    writes its own; elsewhere anybody could send one. Asked by the API and the console alone:
    jobs and commands with the same settings run outside App Service too.
    """
    return os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def require_platform_authentication(variable: str) -> None:
    """Make sure that the platform authenticates, as a setting says. Raises SettingsError."""
    if not is_platform_authenticating():
        raise SettingsError(
            f"WEBSITE_AUTH_ENABLED: must be true for {variable}=platform; App Service sets it "
            "where its authentication is on"
        )


_TALKATIVE = frozenset({"fastapi", "httpx", "httpx2", "requests", "urllib", "urllib3"})
"""Instrumentations that put whole URLs into spans: a query may name a person."""


def worker_exports() -> bool:
    """Tell whether the Functions worker exports telemetry by itself. Raises SettingsError.

    It must leave out the instrumentations that double our spans, with the values of queries.
    """
    switch = os.environ.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "")
    if switch.strip().lower() not in ("1", "true", "t", "yes", "y"):
        return False
    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    if missing := sorted(_TALKATIVE - {name.strip() for name in disabled}):
        raise SettingsError(
            f"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: must hold {', '.join(missing)}, whose spans "
            "would show what callers ask for"
        )
    return True
