"""Who may call."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import OmsError
from shared.jobs.queries import Caller


class NotAuthenticated(OmsError):
    """The call carries no valid proof of who calls."""


class NotAuthorized(OmsError):
    """The caller is known, and not allowed to use this API."""


def anonymous_caller(_headers: Mapping[str, str]) -> Caller:
    """Let everyone in, entitled to every source system (`OMS_API_AUTH=none`, only in `local`)."""
    return Caller("anonymous")
