"""How the Kafka client is configured for Event Hubs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from shared.clients.event_identity import EventIdentity
from shared.settings import Settings
from shared.settings.events import KafkaSecurity

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


def entra_token(bootstrap_servers: str) -> Callable[[str], tuple[str, float]]:
    """Return what gives librdkafka a token for a namespace; it raises NoToken."""
    identity = EventIdentity()
    host = bootstrap_servers.partition(",")[0].rpartition(":")[0]

    def token(_config: str) -> tuple[str, float]:
        """Return a token and the SECONDS since the epoch at which it expires."""
        access = identity.get_token(f"https://{host}/.default")
        return access.token, float(access.expires_on)

    return token
