"""The operator console."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from shared.settings.environment import Environment


class ConsoleAuth(StrEnum):
    """How operators sign in to the console."""

    PLATFORM = "platform"
    NONE = "none"


def _trace_url(value: str) -> str:
    if not re.match(r"https?://[^\s/]", value) or value.count("{traceId}") != 1:
        raise ValueError("must be an http or https URL with {traceId} in it")
    return value


class ConsoleSettings(Environment):
    """How operators sign in, and where they go on."""

    console_auth: ConsoleAuth | None = Field(
        None,
        description="How operators sign in to the console: `platform` (App Service "
        "authentication in front) or `none` (only in `local`: whoever reaches it is an operator "
        "with every role). Without it `none` in `local`, else `platform`.",
    )
    console_trace_url: Annotated[str, AfterValidator(_trace_url)] | None = Field(
        None,
        description="Where the console links to for a request's trace, with `{traceId}` in it: "
        "`https://traces.example/trace/{traceId}`.",
    )

    @model_validator(mode="after")
    def _wants_a_sign_in(self) -> Self:
        self._keep_local("console_auth", ConsoleAuth.NONE)
        return self

    @property
    def console_sign_in(self) -> ConsoleAuth:
        """How operators sign in, said or not."""
        return self.console_auth or (ConsoleAuth.NONE if self.is_local else ConsoleAuth.PLATFORM)
