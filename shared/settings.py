"""The settings: read once from the environment, validated, frozen (contracts, section 5).

The descriptions here are the documentation: the README's table is made from them.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from typing import Annotated, Self, TypeVar
from urllib.parse import urlsplit

import pydantic_settings
from pydantic import (
    AfterValidator,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import SettingsError

LOCAL = "local"
TOPIC = r"^[A-Za-z0-9._-]{1,249}$"
EVERY_SOURCE_SYSTEM = "*"
DEFAULT_DATABASE_URL = "sqlite:///oms.db"
_URLS = ("reference_data_base_url", "thunderhead_base_url", "thunderhead_token_url", "api_issuer")
"""What is called by these carries credentials or personal data, or is what we trust."""


class ThunderheadAuth(StrEnum):
    """How we authenticate with Thunderhead."""

    OAUTH2 = "oauth2"
    OAUTH1 = "oauth1"
    BASIC = "basic"
    NONE = "none"


class ApiAuth(StrEnum):
    """How callers of the Document Request API are authenticated."""

    ENTRA = "entra"
    PLATFORM = "platform"
    NONE = "none"


class ConsoleAuth(StrEnum):
    """How operators sign in to the console."""

    PLATFORM = "platform"
    NONE = "none"


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


class Telemetry(StrEnum):
    """Where spans and metrics go."""

    NONE = "none"
    OTLP = "otlp"
    AZURE_MONITOR = "azure-monitor"


def _exact_http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:  # its message repeats parts of the URL
        raise ValueError("must be an http or https URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials")
    if parts.query or parts.fragment:
        raise ValueError("must be a base: no query, no fragment")
    return value


def _http_url(value: str) -> str:
    return _exact_http_url(value).rstrip("/")


def _trace_url(value: str) -> str:
    if not re.match(r"https?://[^\s/]", value) or value.count("{traceId}") != 1:
        raise ValueError("must be an http or https URL with {traceId} in it")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
ExactHttpUrl = Annotated[str, AfterValidator(_exact_http_url)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
CallerId = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
SourceSystems = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=50)], ...], Field(min_length=1)
]


class DatabaseSettings(BaseSettings):
    """What a migration needs. Variables are these names in upper case, prefixed `OMS_`."""

    model_config = SettingsConfigDict(
        env_prefix="OMS_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    environment: str = Field(
        pattern=r"^[a-z0-9-]{1,30}$",
        description="Name of the environment; part of every event's source. `local` relaxes "
        "what says so.",
    )
    database_url: SecretStr = Field(
        SecretStr(DEFAULT_DATABASE_URL),
        description="SQLAlchemy URL of the database: `mssql+pyodbc://…` or `sqlite:///…`. "
        "Without user and password: Entra ID. Required outside `local`.",
    )

    @property
    def is_local(self) -> bool:
        """Whether this is a developer's machine (or a test)."""
        return self.environment == LOCAL

    @model_validator(mode="after")
    def _has_database(self) -> Self:
        if not self.is_local and "database_url" not in self.model_fields_set:
            raise SettingsError("OMS_DATABASE_URL: required")
        if not re.match(r"(sqlite|mssql\+pyodbc):", self.database_url.get_secret_value()):
            raise SettingsError("OMS_DATABASE_URL: must begin with sqlite: or mssql+pyodbc:")
        return self


class Settings(DatabaseSettings):
    """All settings."""

    reference_data_base_url: HttpUrl = Field(description="Base URL of the Reference Data API.")
    reference_data_token: SecretStr | None = Field(
        None, description="Bearer token for the Reference Data API, where it wants one."
    )
    reference_data_max_stale_seconds: SecondsOrNone = Field(
        86_400,
        description="How old a cached answer may be that is used while the Reference Data API "
        "is out.",
    )
    thunderhead_base_url: HttpUrl = Field(
        description="The whole base of the Thunderhead API, version included."
    )
    thunderhead_auth: ThunderheadAuth = Field(
        ThunderheadAuth.OAUTH2, description="How we authenticate with Thunderhead."
    )
    thunderhead_client_id: str | None = Field(
        None, description="Client id (oauth2), consumer key `key!user` (oauth1), user (basic)."
    )
    thunderhead_client_secret: SecretStr | None = Field(
        None, description="The secret that belongs to the client id."
    )
    thunderhead_token_url: HttpUrl | None = Field(
        None, description="Token endpoint; required for oauth2."
    )
    thunderhead_scope: str | None = Field(None, description="Scope to ask for with oauth2.")
    thunderhead_project_id: str | None = Field(
        None,
        max_length=100,
        description="projectId of every batch, where the tenant uses projects.",
    )
    thunderhead_transaction_data_type: str = Field(
        "application/xml",
        pattern=r"^application/(xml|json)$",
        description="How the transaction data is written: `application/xml` or `application/json`.",
    )
    thunderhead_lookup_supported: bool = Field(
        True, description="The tenant answers `GET /batches?clientReference=`."
    )
    thunderhead_reference_unique: bool = Field(
        True,
        description="The tenant refuses a second batch with the same client reference. Only "
        "then may a submission with unknown outcome be sent again.",
    )
    thunderhead_visibility_seconds: SecondsOrNone = Field(
        300, description="How long an accepted batch may take to be found by its reference."
    )
    max_documents_per_batch: int = Field(
        500, ge=1, le=500, description="Most documents in one batch."
    )
    max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Sends with unknown outcome, while Thunderhead otherwise answered, before "
        "a batch is HELD.",
    )
    batch_deadline_seconds: Seconds = Field(
        86_400,
        description="Time a submitted batch has; then it is cancelled and what is not done "
        "FAILS (TIMEOUT).",
    )
    pending_grace_seconds: SecondsOrNone = Field(
        600,
        description="How long documents may stay PENDING after their batch has ended before "
        "they are settled without an answer.",
    )
    poll_min_seconds: Seconds = Field(5, description="Shortest time between polls of a batch.")
    poll_max_seconds: Seconds = Field(300, description="Longest time between polls of a batch.")
    http_concurrency: int = Field(
        16, ge=1, le=256, description="Outbound calls at a time, per run of a job."
    )
    http_timeout_seconds: Seconds = Field(
        30, description="Total time of one outbound call, its whole answer included."
    )
    lease_seconds: Seconds = Field(
        120,
        description="How long a worker owns a piece of work without renewing it; at least twice "
        "OMS_HTTP_TIMEOUT_SECONDS.",
    )
    retry_base_seconds: Seconds = Field(5, description="First step of the backoff.")
    retry_max_seconds: Seconds = Field(600, description="Longest wait of the backoff.")
    run_budget_seconds: Seconds = Field(
        480,
        description="How long a run of a job takes up new work; below the functionTimeout of "
        "host.json by at least a lease.",
    )
    content_retention_days: Days = Field(
        90,
        description="How long content, metadata values, Thunderhead's texts and published events "
        "are kept after a request's end. The request and its history stay.",
    )
    content_retention_days_by_source_system: dict[str, Days] = Field(
        {},
        description='JSON object of source systems with another time: `{"ARCADE": 30}`.',
    )
    statistics_seconds: Seconds = Field(
        300, description="How often the monitoring job brings the console's statistics up to date."
    )
    alert_waiting_seconds: Seconds = Field(
        1800,
        description="How long a request may be RECEIVED or PROCESSING before the console warns. "
        "(SUBMITTED: OMS_BATCH_DEADLINE_SECONDS.)",
    )
    alert_held_seconds: Seconds = Field(
        3600, description="How long a request may be HELD before the console warns."
    )
    alert_unpublished_seconds: Seconds = Field(
        900, description="How long an event may wait to be published before the console warns."
    )
    alert_job_seconds: Seconds = Field(
        900,
        description="How long after the end of a job's last run the console warns that the job "
        "may be dead; longer than a run may take.",
    )
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
    api_auth: ApiAuth = Field(
        description="How callers are authenticated: `entra` (bearer tokens, checked here), "
        "`platform` (App Service authentication in front) or `none` (only in `local`; entitles "
        "every caller to every source system).",
    )
    api_issuer: ExactHttpUrl | None = Field(
        None,
        description="Issuer of callers' tokens, exactly as their `iss` spells it; required for "
        "entra.",
    )
    api_audience: str | None = Field(
        None, description="`aud` that callers' tokens must have; required for entra."
    )
    api_role: str | None = Field(
        None, description="App role that callers must have; required for entra and platform."
    )
    api_callers: dict[CallerId, SourceSystems] = Field(
        {},
        description='JSON object: the source systems of each caller id, `["*"]` for every one; '
        "required for entra and platform.",
    )
    api_rate_limit: str = Field(
        "600/minute",
        pattern=r"^[1-9][0-9]{0,4}/(second|minute|hour)$",
        description="Most calls of one caller to one instance per `second`, `minute` or `hour`. "
        "With OMS_API_AUTH=none, where all callers are one, only if it is set.",
    )

    console_auth: ConsoleAuth | None = Field(
        None,
        description="How operators sign in to the console: `platform` (App Service "
        "authentication in front) or `none` (only in `local`: whoever reaches it is an operator "
        "with every role). Without it `none` in `local`, else `platform`.",
    )
    console_trace_url: Annotated[str, AfterValidator(_trace_url)] | None = Field(
        None,
        description="Where the console links to for a request's trace, with `{traceId}` in it: "
        "`https://traces.example/trace/{traceId}`.",
    )
    telemetry: Telemetry = Field(
        Telemetry.NONE,
        description="Where spans and metrics go: `none`, `otlp` (an OTLP receiver, by "
        "`OTEL_EXPORTER_OTLP_…`) or `azure-monitor` (by `APPLICATIONINSIGHTS_CONNECTION_STRING`; "
        "in the Functions worker, which exports by itself, see observability.md).",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        auth = self.thunderhead_auth
        needed = {
            "thunderhead_client_id": auth is not ThunderheadAuth.NONE,
            "thunderhead_client_secret": auth is not ThunderheadAuth.NONE,
            "thunderhead_token_url": auth is ThunderheadAuth.OAUTH2,
            "eventhub_connection_string": self.kafka_security is KafkaSecurity.SAS,
            "api_issuer": self.api_auth is ApiAuth.ENTRA,
            "api_audience": self.api_auth is ApiAuth.ENTRA,
            "api_role": self.api_auth is not ApiAuth.NONE,
            "api_callers": self.api_auth is not ApiAuth.NONE,
        }
        for name, is_needed in needed.items():
            if is_needed and not getattr(self, name):
                raise SettingsError(f"{_variable(name)}: required")
        if not self.is_local and self.kafka_security is KafkaSecurity.PLAINTEXT:
            raise SettingsError("OMS_KAFKA_SECURITY: plaintext is only for OMS_ENVIRONMENT=local")
        if not self.is_local and self.api_auth is ApiAuth.NONE:
            raise SettingsError("OMS_API_AUTH: none is only for OMS_ENVIRONMENT=local")
        if not self.is_local and self.console_auth is ConsoleAuth.NONE:
            raise SettingsError("OMS_CONSOLE_AUTH: none is only for OMS_ENVIRONMENT=local")
        for name in _URLS:
            if not self.is_local and (getattr(self, name) or "").lower().startswith("http:"):
                raise SettingsError(
                    f"{_variable(name)}: must be https outside OMS_ENVIRONMENT=local"
                )
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

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        least = 2 * self.http_timeout_seconds
        if self.lease_seconds < least:
            raise SettingsError(
                f"OMS_LEASE_SECONDS: must be at least {least:g}, twice OMS_HTTP_TIMEOUT_SECONDS"
            )
        for low, high in (
            ("poll_min_seconds", "poll_max_seconds"),
            ("retry_base_seconds", "retry_max_seconds"),
        ):
            # A default never contradicts a chosen value: the upper bound rules then.
            chosen = {low, high} <= self.model_fields_set
            if chosen and getattr(self, low) > getattr(self, high):
                raise SettingsError(f"{_variable(low)}: must not exceed {_variable(high)}")
        for topic in self.events_allowed_topics:
            if not re.fullmatch(TOPIC, topic):
                raise SettingsError("OMS_EVENTS_ALLOWED_TOPICS: holds a name that is no topic")
        for systems in self.api_callers.values():
            if EVERY_SOURCE_SYSTEM in systems and len(systems) > 1:
                raise SettingsError("OMS_API_CALLERS: * stands for every source system, so alone")
        return self

    @property
    def console_sign_in(self) -> ConsoleAuth:
        """How operators sign in, said or not."""
        return self.console_auth or (ConsoleAuth.NONE if self.is_local else ConsoleAuth.PLATFORM)

    @property
    def caller_rate_limit(self) -> str | None:
        """The limit of each caller's calls, if there is one."""
        is_limited = self.api_auth is not ApiAuth.NONE or "api_rate_limit" in self.model_fields_set
        return self.api_rate_limit if is_limited else None

    def topic_for(self, configured: str | None) -> str:
        """Return the topic of a request's event: the configured one where it is allowed."""
        if configured is not None and configured in self.events_allowed_topics:
            return configured
        return self.events_topic


def is_platform_authenticating() -> bool:
    """Tell whether App Service authenticates callers.

    Where it does, it takes the header that names the caller out of every incoming call and
    writes its own; elsewhere anybody could send one. Asked by the API and the console alone:
    jobs and commands with the same settings run outside App Service too.
    """
    return os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def require_platform_authentication(variable: str) -> None:
    """Make sure that the platform authenticates, as a setting says. Raises SettingsError."""
    if not is_platform_authenticating():
        raise SettingsError(
            f"WEBSITE_AUTH_ENABLED: must be true for {variable}=platform; App Service sets it "
            "where its authentication is on"
        )


_TALKATIVE = frozenset({"fastapi", "httpx", "httpx2", "requests", "urllib", "urllib3"})
"""Instrumentations that put whole URLs into spans: a query may name a person."""


def worker_exports() -> bool:
    """Tell whether the Functions worker exports telemetry by itself. Raises SettingsError.

    It must leave out the instrumentations that double our spans, with the values of queries.
    """
    switch = os.environ.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "")
    if switch.strip().lower() not in ("1", "true", "t", "yes", "y"):
        return False
    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    if missing := sorted(_TALKATIVE - {name.strip() for name in disabled}):
        raise SettingsError(
            f"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: must hold {', '.join(missing)}, whose spans "
            "would show what callers ask for"
        )
    return True


SettingsType = TypeVar("SettingsType", bound=DatabaseSettings)


def load_settings(kind: type[SettingsType]) -> SettingsType:
    """Read settings from the environment.

    Raises SettingsError with one line that names the first wrong variable.
    """
    try:
        return kind()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = "required" if first["type"] == "missing" else first["msg"]
        raise SettingsError(f"{_variable(str(first['loc'][0]))}: {problem}") from None
    except pydantic_settings.SettingsError as error:  # a list that is no JSON
        field = re.search(r'field "(\w+)"', str(error))
        name = _variable(field[1]) if field else "OMS_*"
        raise SettingsError(f"{name}: must be JSON") from None


def connection_string_parts(connection_string: str) -> dict[str, str]:
    """Return the parts of a connection string by their names in lower case."""
    parts = (part.partition("=") for part in connection_string.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts if name.strip()}


def _variable(field: str) -> str:
    return f"OMS_{field.upper()}"
