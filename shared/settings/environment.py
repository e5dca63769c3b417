"""What every group of settings builds on: where this runs, and what that allows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import SettingsError

LOCAL = "local"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Environment(BaseSettings):
    """Variables are the names of the fields in upper case, prefixed `OMS_`."""

    model_config = SettingsConfigDict(
        env_prefix="OMS_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        # Of all the groups, what is read is built alone.
        defer_build=True,
    )

    environment: str = Field(
        pattern=r"^[a-z0-9-]{1,30}$",
        description="Name of the environment; part of every event's source. `local` relaxes "
        "what says so.",
    )

    @property
    def is_local(self) -> bool:
        """Whether this is a developer's machine (or a test)."""
        return self.environment == LOCAL

    def _require(self, needed: dict[str, bool]) -> None:
        """Refuse to go on without a field that is needed. Raises SettingsError."""
        for name, is_needed in needed.items():
            if is_needed and not getattr(self, name):
                raise SettingsError(f"{variable(name)}: required")

    def _keep_local(self, name: str, value: Any) -> None:
        """Refuse a value that only `local` may have. Raises SettingsError."""
        if not self.is_local and getattr(self, name) is value:
            raise SettingsError(f"{variable(name)}: {value} is only for OMS_ENVIRONMENT={LOCAL}")

    def _require_https(self, *names: str) -> None:
        """Refuse plain HTTP outside `local`, unless it stays on this machine. Raises SettingsError.

        What is called carries credentials or personal data, or is what we trust.
        """
        for name in names:
            url = urlsplit(getattr(self, name) or "")
            is_readable = url.scheme == "http" and url.hostname not in LOOPBACK
            if is_readable and not self.is_local:
                raise SettingsError(
                    f"{variable(name)}: must be https outside OMS_ENVIRONMENT={LOCAL}"
                )

    def _require_order(self, low: str, high: str) -> None:
        """Refuse a lower bound above the upper one. Raises SettingsError."""
        # A default never contradicts a chosen value: the upper bound rules then.
        chosen = {low, high} <= self.model_fields_set
        if chosen and getattr(self, low) > getattr(self, high):
            raise SettingsError(f"{variable(low)}: must not exceed {variable(high)}")


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return f"OMS_{field.upper()}"
