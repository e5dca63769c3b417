"""Who uses the console, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from shared.errors import OmsError
from shared.settings.environment import LOOPBACK
from shared.web.platform import OBJECT_ID_TYPES, first_claim, principal_claims, roles_of
from shared.web.security import NotAuthenticated

MAX_ACTOR = 200
"""Characters that the history keeps of who did something."""

_NAME_TYPES = ("name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")
_ACCOUNT_TYPES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)


class Role(StrEnum):
    """App roles of the console, as the app registration defines them."""

    READER = "OMS.Console.Reader"
    """Sees everything but payloads."""
    OPERATOR = "OMS.Console.Operator"
    """Acts."""
    PAYLOAD_VIEWER = "OMS.Console.PayloadViewer"
    """Sees what the documents say."""


class NotLocal(OmsError):
    """A console without sign-in was called under a name that is not this machine's."""


class MissingRole(OmsError):
    """The person is known, and lacks a role."""

    def __init__(self, role: Role) -> None:
        super().__init__(role.value)
        self.role = role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in."""

    name: str
    """How the console greets them."""
    actor: str
    """How history and audit name them, at most MAX_ACTOR characters."""
    roles: frozenset[Role]
    can_sign_out: bool = True

    def require(self, *roles: Role) -> None:
        """Make sure of some roles. Raises MissingRole."""
        for role in roles:
            if role not in self.roles:
                raise MissingRole(role)

    @property
    def may_act(self) -> bool:
        """Whether actions are shown."""
        return Role.OPERATOR in self.roles

    @property
    def may_see_payloads(self) -> bool:
        """Whether payloads are shown."""
        return Role.PAYLOAD_VIEWER in self.roles


Identify = Callable[[Headers], Person]
"""Tells who has signed in. Raises NotAuthenticated."""


def platform_person(headers: Headers) -> Person:
    """Read the person from the header that only the platform can have written.

    The actor names the account beside the name: names are not unique, and people choose them.
    """
    claims = principal_claims(headers)
    account = first_claim(claims, *_ACCOUNT_TYPES, *OBJECT_ID_TYPES)
    if not account:
        raise NotAuthenticated("the principal names nobody")
    name = first_claim(claims, *_NAME_TYPES) or account
    actor = account if name == account else f"{account} ({name})"
    held = roles_of(claims)
    roles = frozenset(role for role in Role if role.value in held)
    return Person(name[:MAX_ACTOR], actor[:MAX_ACTOR], roles)


def local_operator(headers: Headers) -> Person:
    """Let whoever is here in, with every role (`OMS_CONSOLE_AUTH=none`, only in `local`).

    Only under a name of this machine: a foreign page could otherwise have its own name resolve
    to 127.0.0.1 and then read, and order, as if it were the console. Raises NotLocal.
    """
    if urlsplit(f"//{headers.get('host', '')}").hostname not in LOOPBACK:
        raise NotLocal
    return Person("Local operator", "local operator", frozenset(Role), can_sign_out=False)
