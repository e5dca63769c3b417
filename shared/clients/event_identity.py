"""Tokens of the managed identity (AZURE_CLIENT_ID) for Event Hubs, whatever the protocol."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from shared.errors import OmsError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

logger = logging.getLogger(__name__)


class NoToken(OmsError):
    """Entra ID gave no token; the text says what kind of failure it was."""


class EventIdentity:
    """Asks Entra ID, with a limit of time; a credential as the Azure libraries take it.

    The credential behind it keeps a token until five minutes before its end.
    """

    def __init__(self) -> None:
        # Here, because it costs a cold start 270 ms that only this kind of security needs.
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        # By itself it would try for minutes; an event's time is shorter, and the next run tries
        # again.
        self._credential = DefaultAzureCredential(
            retry_total=1, connection_timeout=3, read_timeout=5
        )

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token that has not ended; its `expires_on` is in SECONDS. Raises NoToken."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        try:
            access = self._credential.get_token(*scopes, **options)
        except AzureError as error:
            # In the background the clients tell nobody why they got none. The message itself may
            # quote what the identity service was asked and what it answered.
            reason = type(error).__name__
            logger.error("no token for Event Hubs", extra={"event.reason": reason})  # noqa: TRY400
            raise NoToken(f"no token from Entra ID: {reason}") from None
        if access.expires_on <= time.time():
            # librdkafka would wait ten seconds for a better one, and hide why.
            raise NoToken("the token from Entra ID has ended already; is the clock right?")
        return access
