"""Who may call, and for which source systems."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers

from shared.errors import OmsError
from shared.jobs.queries import Caller
from shared.settings.api import EVERY_SOURCE_SYSTEM


class NotAuthenticated(OmsError):
    """The call carries no valid proof of who calls."""


class NotAuthorized(OmsError):
    """The caller is known, and not allowed to use this API."""


class AccessList:
    """The callers that may use this API (OMS_API_CALLERS), provided that they have the role."""

    def __init__(self, role: str, source_systems: Mapping[str, Collection[str]]) -> None:
        self._role = role
        self._callers = {
            caller_id: Caller(
                caller_id, None if EVERY_SOURCE_SYSTEM in systems else frozenset(systems)
            )
            for caller_id, systems in source_systems.items()
        }

    def admit(self, caller_id: str | None, roles: Collection[str]) -> Caller:
        """Return a caller whose identity is proven. Raises NotAuthorized."""
        if caller_id is None:
            raise NotAuthorized("the proof names no caller")
        if self._role not in roles:
            raise NotAuthorized("the caller does not have the role")
        caller = self._callers.get(caller_id)
        if caller is None:
            raise NotAuthorized("the caller is not listed")
        return caller


async def anonymous_caller(_headers: Headers) -> Caller:
    """Let everyone in, entitled to every source system (`OMS_API_AUTH=none`, only in `local`)."""
    return Caller("anonymous")


def only_header(headers: Headers, name: str) -> str:
    """Return a header that must be there once. Raises NotAuthenticated."""
    values = headers.getlist(name)
    if len(values) != 1:
        raise NotAuthenticated(f"{len(values)} headers {name}")
    return values[0]
