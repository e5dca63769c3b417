"""The four ways in which callers prove who they are, and the OAuth 2 token endpoint."""

import base64
import secrets
from hmac import compare_digest

from aiohttp import web
from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, RequestValidator, SignatureOnlyEndpoint

from local.problems import Refusal
from local.thunderhead.options import ThunderheadOptions


class Authenticator:
    """Checks callers, and issues the tokens that it accepts later."""

    def __init__(self, options: ThunderheadOptions) -> None:
        self._options = options
        self._expiry_of_token: dict[str, float] = {}
        self._signatures = SignatureOnlyEndpoint(_ConsumerValidator(options))

    def check(self, request: web.Request) -> None:
        """Refuse a call that is not authenticated in the configured way."""
        authorization = request.headers.get("Authorization", "")
        match self._options.authentication:
            case "none":
                return
            case "basic":
                accepted, challenge = self._basic(authorization), 'Basic realm="thunderhead"'
            case "oauth1":
                accepted, challenge = self._signed(request), 'OAuth realm="thunderhead"'
            case "oauth2":
                accepted, challenge = self._bearer(authorization), 'Bearer error="invalid_token"'
        if not accepted:
            raise Refusal(
                401,
                "UNAUTHENTICATED",
                "The call carries no valid credentials.",
                headers={"WWW-Authenticate": challenge},
            )

    async def token(self, request: web.Request) -> web.Response:
        """Issue a token for client credentials, from the form or from basic authentication."""
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return _token_error(400, "unsupported_grant_type")
        in_form = (str(form.get("client_id", "")), str(form.get("client_secret", "")))
        if not self._is_client(*in_form) and not self._basic(
            request.headers.get("Authorization", "")
        ):
            return _token_error(401, "invalid_client")
        now = self._options.clock()
        self._expiry_of_token = {
            token: expiry for token, expiry in self._expiry_of_token.items() if expiry > now
        }
        token = secrets.token_urlsafe(24)
        self._expiry_of_token[token] = now + self._options.token_lifetime_seconds
        return web.json_response(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": self._options.token_lifetime_seconds,
            },
            headers={"Cache-Control": "no-store"},
        )

    def _is_client(self, client_id: str, client_secret: str) -> bool:
        return _same(client_id, self._options.client_id) and _same(
            client_secret, self._options.client_secret
        )

    def _basic(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return False
        client_id, _, client_secret = decoded.partition(":")
        return scheme.lower() == "basic" and self._is_client(client_id, client_secret)

    def _bearer(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiry_of_token.get(token, 0.0)
        return scheme.lower() == "bearer" and self._options.clock() < expiry

    def _signed(self, request: web.Request) -> bool:
        # The signature covers method, address and parameters; a JSON body is not part of it.
        uri = f"{request.scheme}://{request.host}{request.raw_path}"
        headers = {"Authorization": request.headers.get("Authorization", "")}
        try:
            valid, _ = self._signatures.validate_request(uri, request.method, headers=headers)
        except ValueError:
            # The header is of another scheme, or cannot be parsed.
            return False
        return bool(valid)


class _ConsumerValidator(RequestValidator):
    """Knows the one consumer that may sign calls."""

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA256,)
    dummy_client = "unknown"

    def __init__(self, options: ThunderheadOptions) -> None:
        super().__init__()
        self._consumer_key = f"{options.client_id}!{options.oauth1_user}"
        self._client_secret = options.client_secret
        self._used_nonces: set[tuple[str, str]] = set()

    def check_client_key(self, _client_key: str) -> bool:
        """Accept any form: the base class would refuse the exclamation mark."""
        return True

    def check_nonce(self, _nonce: str) -> bool:
        """Accept any form of nonce."""
        return True

    def validate_client_key(self, client_key: str, _request: SignedRequest) -> bool:
        """Tell whether the consumer is known."""
        return _same(client_key, self._consumer_key)

    def validate_timestamp_and_nonce(
        self,
        _client_key: str,
        timestamp: str,
        nonce: str,
        _request: SignedRequest,
        _request_token: str | None = None,
        _access_token: str | None = None,
    ) -> bool:
        """Refuse a signature that was used before."""
        used = (timestamp, nonce)
        if used in self._used_nonces:
            return False
        self._used_nonces.add(used)
        return True

    def get_client_secret(self, _client_key: str, _request: SignedRequest) -> str:
        """Return the secret that the signature is made with."""
        return self._client_secret


def _same(presented: str, expected: str) -> bool:
    return compare_digest(presented.encode(), expected.encode())


def _token_error(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)
