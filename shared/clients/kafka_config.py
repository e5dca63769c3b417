"""How the Kafka client is configured for Event Hubs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from shared.errors import OmsError
from shared.settings import KafkaSecurity, Settings

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1_000_000
"""Event Hubs takes less than 1 MiB, headers and framing included."""


def producer_config(settings: Settings) -> dict[str, Any]:
    """Return librdkafka's configuration, by the settings."""
    timeout_ms = max(1, round(settings.events_timeout_seconds * 1000))
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": "oms",
        "acks": "all",
        "enable.idempotence": True,
        "delivery.timeout.ms": timeout_ms,
        # Event Hubs wants 60 s; it must not exceed the time that a delivery has as a whole.
        "request.timeout.ms": min(60_000, timeout_ms),
        "message.max.bytes": MAX_MESSAGE_BYTES,
        # Event Hubs drops connections that are idle for 240 s. librdkafka knows that of hosts
        # with "azure" in their name only.
        "connections.max.idle.ms": 180_000,
        "metadata.max.age.ms": 180_000,
        "socket.keepalive.enable": True,
        # A topic that is not there must not hold up the other events of a call for long.
        "topic.metadata.propagation.max.ms": 5_000,
        # Into our log, not to the standard error stream; and not a line per attempt to connect:
        # the failures that `publish` returns name the cause.
        "logger": logging.getLogger("librdkafka"),
        "log_level": 2,
        **_security(settings),
    }


def _security(settings: Settings) -> dict[str, Any]:
    if settings.kafka_security is KafkaSecurity.PLAINTEXT:
        return {"security.protocol": "PLAINTEXT"}
    # librdkafka checks certificate and host name; there is no setting that turns it off.
    config: dict[str, Any] = {"security.protocol": "SASL_SSL"}
    if settings.events_ca_file:
        config["ssl.ca.location"] = str(settings.events_ca_file)
    if settings.kafka_security is KafkaSecurity.SAS:
        secret = settings.eventhub_connection_string
        return config | {
            "sasl.mechanisms": "PLAIN",
            "sasl.username": "$ConnectionString",
            "sasl.password": secret.get_secret_value() if secret else "",
        }
    return config | {
        "sasl.mechanisms": "OAUTHBEARER",
        "oauth_cb": entra_token(settings.kafka_bootstrap_servers),
    }


class NoToken(OmsError):
    """Entra ID gave no token; the text says what kind of failure it was."""


def entra_token(bootstrap_servers: str) -> Callable[[str], tuple[str, float]]:
    """Return what gives librdkafka a token of the managed identity (AZURE_CLIENT_ID).

    It raises NoToken. The credential keeps a token until five minutes before its end.
    """
    # Here, because they cost a cold start 270 ms that only this kind of security needs.
    from azure.core.exceptions import AzureError  # noqa: PLC0415
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    # By itself it would try for minutes; an event's time is shorter, and the next run tries again.
    credential = DefaultAzureCredential(retry_total=1, connection_timeout=3, read_timeout=5)
    host = bootstrap_servers.partition(",")[0].rpartition(":")[0]

    def token(_config: str) -> tuple[str, float]:
        """Return a token and the SECONDS since the epoch at which it expires."""
        try:
            access = credential.get_token(f"https://{host}/.default")
        except AzureError as error:
            # In the background librdkafka tells nobody why it got none. The message itself may
            # quote what the identity service was asked and what it answered.
            reason = type(error).__name__
            logger.error("no token for Event Hubs", extra={"event.reason": reason})  # noqa: TRY400
            raise NoToken(f"no token from Entra ID: {reason}") from None
        if access.expires_on <= time.time():
            # librdkafka would wait ten seconds for a better one, and hide why.
            raise NoToken("the token from Entra ID has ended already; is the clock right?")
        return access.token, float(access.expires_on)

    return token
