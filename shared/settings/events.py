"""Terminal status events: which way, as whom and to which topics."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from pydantic import Field, FilePath, SecretStr, model_validator

from shared.errors import SettingsError
from shared.settings.environment import Environment
from shared.settings.values import Seconds

TOPIC = r"^[A-Za-z0-9._-]{1,249}$"


class EventsTransport(StrEnum):
    """How events reach Event Hubs."""

    KAFKA = "kafka"
    AMQP = "amqp"
    AMQP_WEBSOCKET = "amqp-websocket"


class KafkaSecurity(StrEnum):
    """How we authenticate with the broker, over either protocol."""

    PLAINTEXT = "plaintext"
    SAS = "sas"
    ENTRA = "entra"


class EventSettings(Environment):
    """Event Hubs, or a Kafka broker."""

    events_transport: EventsTransport = Field(
        EventsTransport.KAFKA,
        description="How events reach Event Hubs: `kafka` (port 9093), `amqp` (5671) or "
        "`amqp-websocket` (443).",
    )
    events_topic: str = Field(
        "oms-document-status",
        pattern=TOPIC,
        description="Topic (event hub) of terminal status events.",
    )
    events_allowed_topics: tuple[str, ...] = Field(
        (),
        description="JSON list of further topics that a document configuration may name.",
    )
    kafka_bootstrap_servers: str = Field(
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        description="`<namespace>.servicebus.windows.net:9093`, or host:port of a Kafka broker. "
        "Names the namespace for AMQP too, which has ports of its own in place of 9093.",
    )
    kafka_security: KafkaSecurity = Field(
        KafkaSecurity.ENTRA,
        description="`entra` (managed identity), `sas` (connection string) or `plaintext` "
        "(only in `local`).",
    )
    eventhub_connection_string: SecretStr | None = Field(
        None,
        description="Connection string of the Event Hubs namespace, with a shared access key; "
        "required for sas.",
    )
    events_ca_file: FilePath | None = Field(
        None,
        description="PEM file of the authorities that the broker's certificate is checked against "
        "instead of the system's: for a company's TLS gateway.",
    )
    events_timeout_seconds: Seconds = Field(
        30, description="How long the broker may take to acknowledge an event."
    )

    @model_validator(mode="after")
    def _can_publish(self) -> Self:
        self._require({"eventhub_connection_string": self.kafka_security is KafkaSecurity.SAS})
        self._keep_local("kafka_security", KafkaSecurity.PLAINTEXT)
        for topic in self.events_allowed_topics:
            if not re.fullmatch(TOPIC, topic):
                raise SettingsError("OMS_EVENTS_ALLOWED_TOPICS: holds a name that is no topic")
        return self

    @model_validator(mode="after")
    def _can_speak_amqp(self) -> Self:
        if self.events_transport is EventsTransport.KAFKA:
            return self
        if self.kafka_security is KafkaSecurity.PLAINTEXT:
            raise SettingsError("OMS_KAFKA_SECURITY: plaintext is only for Kafka, AMQP is TLS")
        if "," in self.kafka_bootstrap_servers:
            raise SettingsError("OMS_KAFKA_BOOTSTRAP_SERVERS: must be a single one for AMQP")
        secret = self.eventhub_connection_string
        if self.kafka_security is KafkaSecurity.SAS and secret:
            parts = connection_string_parts(secret.get_secret_value())
            if not parts.get("sharedaccesskeyname") or not parts.get("sharedaccesskey"):
                raise SettingsError(
                    "OMS_EVENTHUB_CONNECTION_STRING: needs SharedAccessKeyName and SharedAccessKey"
                )
            # Tokens are made for the namespace that we connect to.
            host = re.escape(self.kafka_bootstrap_servers.rpartition(":")[0])
            if not re.fullmatch(rf"(?i)sb://{host}(:\d+)?/?", parts.get("endpoint", "")):
                raise SettingsError(
                    "OMS_EVENTHUB_CONNECTION_STRING: its Endpoint must be the host of "
                    "OMS_KAFKA_BOOTSTRAP_SERVERS"
                )
        return self

    def topic_for(self, configured: str | None) -> str:
        """Return the topic of a request's event: the configured one where it is allowed."""
        if configured is not None and configured in self.events_allowed_topics:
            return configured
        return self.events_topic


def connection_string_parts(connection_string: str) -> dict[str, str]:
    """Return the parts of a connection string by their names in lower case."""
    parts = (part.partition("=") for part in connection_string.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts if name.strip()}
