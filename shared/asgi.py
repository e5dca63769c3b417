"""The API as an ASGI application: the composed system behind the web layer."""

from __future__ import annotations

from typing import assert_never

from fastapi import FastAPI

from shared.clients.issuer import Issuer
from shared.composition import System
from shared.jobs import pausing
from shared.settings import Settings
from shared.settings.api import ApiAuth
from shared.settings.platform import require_platform_authentication
from shared.web.app import create_app
from shared.web.bearer import BearerTokens
from shared.web.platform import PlatformPrincipals
from shared.web.security import AccessList, anonymous_caller
from shared.web.services import Authenticate, Services, Throttle, unlimited
from shared.web.signing_keys import SigningKeys
from shared.web.throttling import RateLimit

_MAX_ISSUER_SECONDS = 10.0
"""Callers wait for the issuer's keys at the first call of a process; longer makes no sense."""


def api(system: System) -> FastAPI:
    """Return the API of a system. Raises SettingsError."""
    return create_app(
        Services(
            intake=system.intake,
            queries=system.queries,
            operations=system.operations,
            authenticate=_authenticate(system.settings),
            clock=system.clock,
            throttle=_throttle(system.settings),
            dependencies=(pausing.REFERENCE_DATA, pausing.THUNDERHEAD, pausing.EVENTS),
        )
    )


def _authenticate(settings: Settings) -> Authenticate:
    callers = AccessList(settings.api_role or "", settings.api_callers)
    match settings.api_auth:
        case ApiAuth.ENTRA:
            issuer = settings.api_issuer or ""
            seconds = min(settings.http_timeout_seconds, _MAX_ISSUER_SECONDS)
            source = Issuer(
                issuer, timeout_seconds=seconds, only_https=issuer.lower().startswith("https:")
            )
            return BearerTokens(
                SigningKeys(source.signing_keys, wait_seconds=seconds),
                issuer=issuer,
                audience=settings.api_audience or "",
                callers=callers,
            )
        case ApiAuth.PLATFORM:
            require_platform_authentication("OMS_API_AUTH")
            return PlatformPrincipals(callers)
        case ApiAuth.NONE:
            return anonymous_caller
        case unreachable:
            assert_never(unreachable)


def _throttle(settings: Settings) -> Throttle:
    rate = settings.caller_rate_limit
    return RateLimit(rate) if rate else unlimited
