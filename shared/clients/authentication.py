"""How we prove to another system who we are."""

from __future__ import annotations

import logging
from typing import assert_never

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from shared.clients.oauth2 import OAuth2ClientCredentials
from shared.settings import Settings
from shared.settings.peers import ThunderheadAuth


class Bearer(AuthBase):
    """A token that never changes."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


def thunderhead_auth(settings: Settings) -> AuthBase | None:
    """Return how calls to Thunderhead are authenticated, as OMS_THUNDERHEAD_AUTH says."""
    user = settings.thunderhead_client_id or ""
    secret = settings.thunderhead_client_secret or SecretStr("")
    match settings.thunderhead_auth:
        case ThunderheadAuth.OAUTH2:
            return OAuth2ClientCredentials(
                settings.thunderhead_token_url or "",
                user,
                secret,
                settings.thunderhead_scope,
                timeout_seconds=settings.http_timeout_seconds,
            )
        case ThunderheadAuth.OAUTH1:
            return _oauth1(user, secret.get_secret_value())
        case ThunderheadAuth.BASIC:
            # As bytes: requests would write text as Latin-1.
            return HTTPBasicAuth(user.encode(), secret.get_secret_value().encode())
        case ThunderheadAuth.NONE:
            return None
        case unreachable:
            assert_never(unreachable)


def _oauth1(consumer_key: str, secret: str) -> AuthBase:
    """Sign without a token ("two-legged"); a JSON body is no part of the signature."""
    # Here, because it costs a cold start 80 ms that hardly anybody needs.
    from requests_oauthlib import OAuth1  # noqa: PLC0415

    for name in ("requests_oauthlib.oauth1_auth", "oauthlib"):
        # At DEBUG they log headers and bodies: secrets and personal data.
        logging.getLogger(name).setLevel(logging.INFO)
    return OAuth1(consumer_key, client_secret=secret, signature_method="HMAC-SHA256")
