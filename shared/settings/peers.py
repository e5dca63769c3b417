"""The systems that we call: Reference Data and Thunderhead."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings.environment import Environment
from shared.settings.values import HttpUrl, SecondsOrNone


class ThunderheadAuth(StrEnum):
    """How we authenticate with Thunderhead."""

    OAUTH2 = "oauth2"
    OAUTH1 = "oauth1"
    BASIC = "basic"
    NONE = "none"


class PeerSettings(Environment):
    """Where they are, how we authenticate, and what the tenant's Thunderhead promises."""

    reference_data_base_url: HttpUrl = Field(description="Base URL of the Reference Data API.")
    reference_data_token: SecretStr | None = Field(
        None, description="Bearer token for the Reference Data API, where it wants one."
    )
    reference_data_max_stale_seconds: SecondsOrNone = Field(
        86_400,
        description="How old a cached answer may be that is used while the Reference Data API "
        "is out.",
    )
    thunderhead_base_url: HttpUrl = Field(
        description="The whole base of the Thunderhead API, version included."
    )
    thunderhead_auth: ThunderheadAuth = Field(
        ThunderheadAuth.OAUTH2, description="How we authenticate with Thunderhead."
    )
    thunderhead_client_id: str | None = Field(
        None, description="Client id (oauth2), consumer key `key!user` (oauth1), user (basic)."
    )
    thunderhead_client_secret: SecretStr | None = Field(
        None, description="The secret that belongs to the client id."
    )
    thunderhead_token_url: HttpUrl | None = Field(
        None, description="Token endpoint; required for oauth2."
    )
    thunderhead_scope: str | None = Field(None, description="Scope to ask for with oauth2.")
    thunderhead_project_id: str | None = Field(
        None,
        max_length=100,
        description="projectId of every batch, where the tenant uses projects.",
    )
    thunderhead_transaction_data_type: str = Field(
        "application/xml",
        pattern=r"^application/(xml|json)$",
        description="How the transaction data is written: `application/xml` or `application/json`.",
    )
    thunderhead_lookup_supported: bool = Field(
        True, description="The tenant answers `GET /batches?clientReference=`."
    )
    thunderhead_reference_unique: bool = Field(
        True,
        description="The tenant refuses a second batch with the same client reference. Only "
        "then may a submission with unknown outcome be sent again.",
    )
    thunderhead_visibility_seconds: SecondsOrNone = Field(
        300, description="How long an accepted batch may take to be found by its reference."
    )

    @model_validator(mode="after")
    def _can_call(self) -> Self:
        auth = self.thunderhead_auth
        self._require(
            {
                "thunderhead_client_id": auth is not ThunderheadAuth.NONE,
                "thunderhead_client_secret": auth is not ThunderheadAuth.NONE,
                "thunderhead_token_url": auth is ThunderheadAuth.OAUTH2,
            }
        )
        self._require_https(
            "reference_data_base_url", "thunderhead_base_url", "thunderhead_token_url"
        )
        return self
