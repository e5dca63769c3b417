"""Who may call the Document Request API, and how often."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.errors import SettingsError
from shared.settings.environment import Environment
from shared.settings.values import ExactHttpUrl

EVERY_SOURCE_SYSTEM = "*"


class ApiAuth(StrEnum):
    """How callers of the Document Request API are authenticated."""

    ENTRA = "entra"
    PLATFORM = "platform"
    NONE = "none"


CallerId = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
SourceSystems = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=50)], ...], Field(min_length=1)
]


class ApiSettings(Environment):
    """Callers of the API."""

    api_auth: ApiAuth = Field(
        description="How callers are authenticated: `entra` (bearer tokens, checked here), "
        "`platform` (App Service authentication in front) or `none` (only in `local`; entitles "
        "every caller to every source system).",
    )
    api_issuer: ExactHttpUrl | None = Field(
        None,
        description="Issuer of callers' tokens, exactly as their `iss` spells it; required for "
        "entra.",
    )
    api_audience: str | None = Field(
        None, description="`aud` that callers' tokens must have; required for entra."
    )
    api_role: str | None = Field(
        None, description="App role that callers must have; required for entra and platform."
    )
    api_callers: dict[CallerId, SourceSystems] = Field(
        {},
        description='JSON object: the source systems of each caller id, `["*"]` for every one; '
        "required for entra and platform.",
    )
    api_rate_limit: str = Field(
        "600/minute",
        pattern=r"^[1-9][0-9]{0,4}/(second|minute|hour)$",
        description="Most calls of one caller to one instance per `second`, `minute` or `hour`. "
        "With OMS_API_AUTH=none, where all callers are one, only if it is set.",
    )

    @model_validator(mode="after")
    def _knows_its_callers(self) -> Self:
        self._require(
            {
                "api_issuer": self.api_auth is ApiAuth.ENTRA,
                "api_audience": self.api_auth is ApiAuth.ENTRA,
                "api_role": self.api_auth is not ApiAuth.NONE,
                "api_callers": self.api_auth is not ApiAuth.NONE,
            }
        )
        self._keep_local("api_auth", ApiAuth.NONE)
        self._require_https("api_issuer")
        for systems in self.api_callers.values():
            if EVERY_SOURCE_SYSTEM in systems and len(systems) > 1:
                raise SettingsError("OMS_API_CALLERS: * stands for every source system, so alone")
        return self

    @property
    def caller_rate_limit(self) -> str | None:
        """The limit of each caller's calls, if there is one."""
        is_limited = self.api_auth is not ApiAuth.NONE or "api_rate_limit" in self.model_fields_set
        return self.api_rate_limit if is_limited else None
