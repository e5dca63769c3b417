from __future__ import annotations

import os
import re
from typing import Any

import pytest

from shared.errors import SettingsError
from shared.settings import Settings, load_settings
from shared.settings.console import ConsoleAuth
from shared.settings.database import DatabaseSettings
from shared.settings.platform import worker_exports

LOCAL = {
    "OMS_ENVIRONMENT": "local",
    "OMS_REFERENCE_DATA_BASE_URL": "http://127.0.0.1:1/rd",
    "OMS_THUNDERHEAD_BASE_URL": "http://127.0.0.1:2/thunderhead/v1",
    "OMS_THUNDERHEAD_AUTH": "none",
    "OMS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "OMS_KAFKA_SECURITY": "plaintext",
    "OMS_API_AUTH": "none",
}
OAUTH2 = LOCAL | {
    "OMS_THUNDERHEAD_AUTH": "oauth2",
    "OMS_THUNDERHEAD_CLIENT_ID": "oms",
    "OMS_THUNDERHEAD_CLIENT_SECRET": "hunter2",
    "OMS_THUNDERHEAD_TOKEN_URL": "https://login.example/token",
}
ELSEWHERE = {
    "OMS_ENVIRONMENT": "prod",
    "OMS_DATABASE_URL": "sqlite:///x.db",
    "OMS_REFERENCE_DATA_BASE_URL": "https://reference.example/rd",
    "OMS_THUNDERHEAD_BASE_URL": "https://thunderhead.example/v1",
}
CONNECTION_STRING = "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=send;SharedAccessKey=aHVudGVyMg=="
AMQP = {
    "OMS_EVENTS_TRANSPORT": "amqp",
    "OMS_KAFKA_SECURITY": "sas",
    "OMS_EVENTHUB_CONNECTION_STRING": CONNECTION_STRING,
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("OMS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    def load(environment: dict[str, str], kind: Any = Settings) -> Any:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings(kind)

    return load


def without(environment: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


# --- the names of the contract --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "OMS_ENVIRONMENT",
        "OMS_DATABASE_URL",
        "OMS_REFERENCE_DATA_BASE_URL",
        "OMS_THUNDERHEAD_BASE_URL",
        "OMS_THUNDERHEAD_AUTH",
        "OMS_THUNDERHEAD_CLIENT_ID",
        "OMS_THUNDERHEAD_CLIENT_SECRET",
        "OMS_THUNDERHEAD_TOKEN_URL",
        "OMS_THUNDERHEAD_SCOPE",
        "OMS_THUNDERHEAD_LOOKUP_SUPPORTED",
        "OMS_THUNDERHEAD_REFERENCE_UNIQUE",
        "OMS_THUNDERHEAD_VISIBILITY_SECONDS",
        "OMS_MAX_DOCUMENTS_PER_BATCH",
        "OMS_EVENTS_TRANSPORT",
        "OMS_KAFKA_BOOTSTRAP_SERVERS",
        "OMS_KAFKA_SECURITY",
        "OMS_EVENTHUB_CONNECTION_STRING",
        "OMS_EVENTS_TOPIC",
        "OMS_EVENTS_ALLOWED_TOPICS",
        "OMS_API_AUTH",
        "OMS_API_ISSUER",
        "OMS_API_AUDIENCE",
        "OMS_API_ROLE",
        "OMS_API_CALLERS",
        "OMS_API_RATE_LIMIT",
        "OMS_HTTP_CONCURRENCY",
        "OMS_HTTP_TIMEOUT_SECONDS",
        "OMS_LEASE_SECONDS",
        "OMS_RETRY_BASE_SECONDS",
        "OMS_RETRY_MAX_SECONDS",
        "OMS_POLL_MIN_SECONDS",
        "OMS_POLL_MAX_SECONDS",
        "OMS_BATCH_DEADLINE_SECONDS",
        "OMS_REFERENCE_DATA_MAX_STALE_SECONDS",
        "OMS_MAX_ATTEMPTS",
        "OMS_RUN_BUDGET_SECONDS",
    ],
)
def test_a_setting_of_the_contract_is_known(name: str) -> None:
    assert name.removeprefix("OMS_").lower() in Settings.model_fields


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert Settings.model_fields[name].description


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMS_THUNDERHEAD_LOOKUP_SUPPORTED", "false"),
        ("OMS_THUNDERHEAD_REFERENCE_UNIQUE", "false"),
        ("OMS_THUNDERHEAD_SCOPE", "batches"),
        ("OMS_THUNDERHEAD_PROJECT_ID", "4711"),
        ("OMS_THUNDERHEAD_TRANSACTION_DATA_TYPE", "application/json"),
        ("OMS_EVENTS_TOPIC", "oms.letters_1"),
        ("OMS_REFERENCE_DATA_TOKEN", "hunter2"),
        ("OMS_MAX_DOCUMENTS_PER_BATCH", "7"),
        ("OMS_HTTP_CONCURRENCY", "3"),
        ("OMS_MAX_ATTEMPTS", "2"),
    ],
)
def test_a_setting_is_read_from_its_variable(load: Any, name: str, value: str) -> None:
    before = load(LOCAL).model_dump()
    after = load({name: value}).model_dump()
    changed = {field for field in after if after[field] != before[field]}
    assert changed == {name.removeprefix("OMS_").lower()}


SECONDS = [name for name in Settings.model_fields if name.endswith("_seconds")]


@pytest.mark.parametrize("name", SECONDS)
def test_seconds_may_be_fractions(load: Any, name: str) -> None:
    value = 120.25 if name == "lease_seconds" else 0.25
    assert getattr(load(LOCAL | {f"OMS_{name.upper()}": str(value)}), name) == value


MAY_BE_NONE = {
    "reference_data_max_stale_seconds",
    "thunderhead_visibility_seconds",
    "pending_grace_seconds",
}


@pytest.mark.parametrize("name", SECONDS)
def test_no_time_at_all_is_a_choice_only_where_it_means_something(load: Any, name: str) -> None:
    values = LOCAL | {f"OMS_{name.upper()}": "0"}
    if name in MAY_BE_NONE:
        assert getattr(load(values), name) == 0
    else:
        with pytest.raises(SettingsError, match=f"^OMS_{name.upper()}: "):
            load(values)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e99", "soon", "1,5"])
@pytest.mark.parametrize("name", SECONDS)
def test_seconds_that_are_no_time_are_refused(load: Any, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^OMS_{name.upper()}: "):
        load(LOCAL | {f"OMS_{name.upper()}": value})


# --- defaults -------------------------------------------------------------------------------


def test_defaults(load: Any) -> None:
    settings = load(without(OAUTH2, "OMS_THUNDERHEAD_AUTH"))
    assert settings.thunderhead_auth == "oauth2"
    assert settings.thunderhead_lookup_supported is True
    assert settings.thunderhead_reference_unique is True
    assert settings.thunderhead_transaction_data_type == "application/xml"
    assert settings.max_documents_per_batch == 500
    assert settings.events_transport == "kafka"
    assert settings.database_url.get_secret_value().startswith("sqlite:")


def test_unknown_variables_and_empty_ones_are_ignored(load: Any) -> None:
    settings = load(LOCAL | {"OMS_NOT_A_SETTING": "x", "OMS_MAX_ATTEMPTS": ""})
    assert settings.max_attempts == 5


def test_settings_are_frozen(load: Any) -> None:
    settings = load(LOCAL)
    with pytest.raises(ValueError, match="frozen"):
        settings.max_attempts = 1


def test_an_ending_slash_of_a_url_does_not_count(load: Any) -> None:
    settings = load(LOCAL | {"OMS_THUNDERHEAD_BASE_URL": "https://gateway.example/thunderhead/v1/"})
    assert settings.thunderhead_base_url == "https://gateway.example/thunderhead/v1"


# --- what stops the start -------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "OMS_ENVIRONMENT",
        "OMS_REFERENCE_DATA_BASE_URL",
        "OMS_THUNDERHEAD_BASE_URL",
        "OMS_KAFKA_BOOTSTRAP_SERVERS",
        "OMS_API_AUTH",
        "OMS_THUNDERHEAD_CLIENT_ID",
        "OMS_THUNDERHEAD_CLIENT_SECRET",
        "OMS_THUNDERHEAD_TOKEN_URL",
    ],
)
def test_what_is_required_is_asked_for_by_name(load: Any, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: required$"):
        load(without(OAUTH2, name))


@pytest.mark.parametrize(
    ("auth", "needed"),
    [
        ("oauth2", ["CLIENT_ID", "CLIENT_SECRET", "TOKEN_URL"]),
        ("oauth1", ["CLIENT_ID", "CLIENT_SECRET"]),
        ("basic", ["CLIENT_ID", "CLIENT_SECRET"]),
        ("none", []),
    ],
)
def test_each_kind_of_authentication_needs_its_own(load: Any, auth: str, needed: list[str]) -> None:
    environment = LOCAL | {"OMS_THUNDERHEAD_AUTH": auth}
    for name in needed:
        with pytest.raises(SettingsError, match=f"^OMS_THUNDERHEAD_{name}: required$"):
            load(environment)
        environment[f"OMS_THUNDERHEAD_{name}"] = "https://x.example"
    assert load(environment).thunderhead_auth == auth


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMS_ENVIRONMENT", "my environment"),
        ("OMS_ENVIRONMENT", "a/b"),
        ("OMS_DATABASE_URL", "postgresql://x"),
        ("OMS_DATABASE_URL", "oms.db"),
        ("OMS_REFERENCE_DATA_BASE_URL", "ftp://x.example"),
        ("OMS_REFERENCE_DATA_BASE_URL", "x.example/rd"),
        ("OMS_THUNDERHEAD_BASE_URL", "http://"),
        ("OMS_THUNDERHEAD_BASE_URL", "http://[::1"),
        ("OMS_THUNDERHEAD_BASE_URL", "https://oms:hunter2@gateway.example"),
        ("OMS_THUNDERHEAD_TOKEN_URL", "login"),
        ("OMS_THUNDERHEAD_AUTH", "kerberos"),
        ("OMS_THUNDERHEAD_LOOKUP_SUPPORTED", "perhaps"),
        ("OMS_THUNDERHEAD_TRANSACTION_DATA_TYPE", "text/csv"),
        ("OMS_MAX_DOCUMENTS_PER_BATCH", "0"),
        ("OMS_MAX_DOCUMENTS_PER_BATCH", "501"),
        ("OMS_MAX_DOCUMENTS_PER_BATCH", "1.5"),
        ("OMS_MAX_ATTEMPTS", "0"),
        ("OMS_HTTP_CONCURRENCY", "0"),
        ("OMS_HTTP_CONCURRENCY", "many"),
        ("OMS_EVENTS_TRANSPORT", "pigeon"),
        ("OMS_KAFKA_SECURITY", "none"),
        ("OMS_KAFKA_BOOTSTRAP_SERVERS", "broker"),
        ("OMS_KAFKA_BOOTSTRAP_SERVERS", "broker:port"),
        ("OMS_EVENTS_TOPIC", "a topic"),
        ("OMS_EVENTS_TOPIC", "x" * 250),
        ("OMS_EVENTS_ALLOWED_TOPICS", "a,b"),
        ("OMS_EVENTS_ALLOWED_TOPICS", '{"a":1}'),
        ("OMS_EVENTS_ALLOWED_TOPICS", "[1]"),
        ("OMS_EVENTS_ALLOWED_TOPICS", '["a b"]'),
        ("OMS_EVENTS_ALLOWED_TOPICS", '["a\\n"]'),
        ("OMS_API_AUTH", "anything"),
        ("OMS_API_AUTH", "Entra"),
        ("OMS_API_ISSUER", "login.example/tenant"),
        ("OMS_API_ISSUER", "https://login.example/tenant?x=1"),
        ("OMS_API_CALLERS", "arcade"),
        ("OMS_API_CALLERS", '["arcade"]'),
        ("OMS_API_CALLERS", '{"arcade": "ARCADE"}'),
        ("OMS_API_CALLERS", '{"arcade": []}'),
        ("OMS_API_CALLERS", '{"arcade": [""]}'),
        ("OMS_API_CALLERS", '{"arcade": [7]}'),
        ("OMS_API_CALLERS", '{"arcade": ["*", "NOVA"]}'),
        ("OMS_API_CALLERS", '{"": ["*"]}'),
        ("OMS_API_CALLERS", '{"a b": ["*"]}'),
        ("OMS_API_CALLERS", f'{{"{"x" * 201}": ["*"]}}'),
        ("OMS_API_RATE_LIMIT", "0/minute"),
        ("OMS_API_RATE_LIMIT", "600"),
        ("OMS_API_RATE_LIMIT", "600 per minute"),
        ("OMS_API_RATE_LIMIT", "600/fortnight"),
        ("OMS_API_RATE_LIMIT", "100000/minute"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    load: Any, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(LOCAL | {name: value})
    assert re.fullmatch(rf"{name}: .+", str(caught.value))
    assert value not in str(caught.value).removeprefix(name)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (ELSEWHERE | {"OMS_KAFKA_SECURITY": "plaintext"}, "OMS_KAFKA_SECURITY"),
        (ELSEWHERE | {"OMS_KAFKA_SECURITY": "entra"}, "OMS_API_AUTH"),
        ({"OMS_KAFKA_SECURITY": "sas"}, "OMS_EVENTHUB_CONNECTION_STRING"),
        (AMQP | {"OMS_KAFKA_SECURITY": "plaintext"}, "OMS_KAFKA_SECURITY"),
        (AMQP | {"OMS_KAFKA_BOOTSTRAP_SERVERS": "a:1,b:1"}, "OMS_KAFKA_BOOTSTRAP_SERVERS"),
        (AMQP | {"OMS_KAFKA_BOOTSTRAP_SERVERS": "other:1"}, "OMS_EVENTHUB_CONNECTION_STRING"),
        (
            AMQP | {"OMS_EVENTHUB_CONNECTION_STRING": "Endpoint=sb://127.0.0.1/"},
            "OMS_EVENTHUB_CONNECTION_STRING",
        ),
        (
            AMQP | {"OMS_EVENTHUB_CONNECTION_STRING": "hunter2"},
            "OMS_EVENTHUB_CONNECTION_STRING",
        ),
        ({"OMS_LEASE_SECONDS": "59.9", "OMS_HTTP_TIMEOUT_SECONDS": "30"}, "OMS_LEASE_SECONDS"),
        ({"OMS_HTTP_TIMEOUT_SECONDS": "61"}, "OMS_LEASE_SECONDS"),
        ({"OMS_POLL_MIN_SECONDS": "9", "OMS_POLL_MAX_SECONDS": "8"}, "OMS_POLL_MIN_SECONDS"),
        ({"OMS_RETRY_BASE_SECONDS": "9", "OMS_RETRY_MAX_SECONDS": "8"}, "OMS_RETRY_BASE_SECONDS"),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    load: Any, environment: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError, match=rf"\A{name}: .+\Z"):
        load(LOCAL | environment)


@pytest.mark.parametrize("transport", ["amqp", "amqp-websocket"])
@pytest.mark.parametrize(
    "environment",
    [
        AMQP,
        {"OMS_KAFKA_SECURITY": "entra"},
        AMQP | {"OMS_EVENTHUB_CONNECTION_STRING": CONNECTION_STRING.replace("Share", " share")},
        AMQP | {"OMS_EVENTHUB_CONNECTION_STRING": f"{CONNECTION_STRING};EntityPath=events"},
        AMQP | {"OMS_EVENTHUB_CONNECTION_STRING": CONNECTION_STRING.replace("1/;", "1:5671;")},
    ],
)
def test_amqp_takes_keys_and_the_managed_identity(
    load: Any, environment: dict[str, str], transport: str
) -> None:
    settings = load(LOCAL | environment | {"OMS_EVENTS_TRANSPORT": transport})
    assert settings.events_transport == transport


URLS = ["OMS_REFERENCE_DATA_BASE_URL", "OMS_THUNDERHEAD_BASE_URL", "OMS_THUNDERHEAD_TOKEN_URL"]


@pytest.mark.parametrize("name", URLS)
def test_an_address_without_tls_is_for_local_alone(load: Any, name: str) -> None:
    plain = {name: "HTTP://peer.example/hunter2"}
    load(OAUTH2 | plain)
    with pytest.raises(
        SettingsError, match=rf"\A{name}: must be https outside OMS_ENVIRONMENT=local\Z"
    ):
        load(OAUTH2 | ENTRA | ELSEWHERE | {"OMS_KAFKA_SECURITY": "entra"} | plain)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
@pytest.mark.parametrize("name", URLS)
def test_what_stays_on_this_machine_needs_no_tls(load: Any, name: str, host: str) -> None:
    elsewhere = ELSEWHERE | ENTRA | {"OMS_KAFKA_SECURITY": "entra"}
    load(LOCAL | OAUTH2 | elsewhere | {name: f"http://{host}/sidecar"})


def test_the_database_is_required_outside_local(load: Any) -> None:
    with pytest.raises(SettingsError, match=r"^OMS_DATABASE_URL: required$"):
        load({"OMS_ENVIRONMENT": "prod"}, DatabaseSettings)
    assert not load(ELSEWHERE, DatabaseSettings).is_local


def test_a_lease_of_twice_a_call_is_enough(load: Any) -> None:
    pair = {"OMS_LEASE_SECONDS": "60", "OMS_HTTP_TIMEOUT_SECONDS": "30"}
    assert load(LOCAL | pair).lease_seconds == 60


@pytest.mark.parametrize("name", ["OMS_POLL_MAX_SECONDS", "OMS_RETRY_MAX_SECONDS"])
def test_a_default_never_contradicts_a_chosen_value(load: Any, name: str) -> None:
    load(LOCAL | {name: "1"})


def test_a_migration_needs_no_more_than_the_database(load: Any) -> None:
    settings = load(
        {"OMS_ENVIRONMENT": "test", "OMS_DATABASE_URL": "mssql+pyodbc://x"}, DatabaseSettings
    )
    assert settings.database_url.get_secret_value() == "mssql+pyodbc://x"


# --- secrets --------------------------------------------------------------------------------

SECRETS = {
    "OMS_DATABASE_URL": "mssql+pyodbc://oms:hunter2@db.example/oms",
    "OMS_REFERENCE_DATA_TOKEN": "hunter2",
    "OMS_THUNDERHEAD_CLIENT_SECRET": "hunter2",
    "OMS_EVENTHUB_CONNECTION_STRING": "Endpoint=sb://x/;SharedAccessKey=hunter2",
}


def test_secrets_are_in_no_text_of_the_settings(load: Any) -> None:
    settings = load(OAUTH2 | SECRETS)
    for text in (repr(settings), str(settings), str(settings.model_dump()), f"{settings}"):
        assert "hunter2" not in text
    assert "hunter2" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"OMS_DATABASE_URL": "postgresql://oms:hunter2@db.example/oms"},
        {"OMS_THUNDERHEAD_BASE_URL": "https://oms:hunter2@gateway.example"},
        {"OMS_THUNDERHEAD_TOKEN_URL": "ldap://hunter2"},
        {"OMS_MAX_ATTEMPTS": "hunter2"},
        {"OMS_LEASE_SECONDS": "1"},
        {"OMS_EVENTS_ALLOWED_TOPICS": "[hunter2"},
        pytest.param({"OMS_THUNDERHEAD_BASE_URL": "https://oms:hunter2@gateway\u2100.example"}),
    ],
)
def test_secrets_are_in_no_message(load: Any, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(OAUTH2 | SECRETS | wrong)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None or "hunter2" not in str(caught.value.__cause__)


# --- callers --------------------------------------------------------------------------------

ENTRA = LOCAL | {
    "OMS_API_AUTH": "entra",
    "OMS_API_ISSUER": "https://login.example/tenant/",
    "OMS_API_AUDIENCE": "api://oms",
    "OMS_API_ROLE": "DocumentRequests.Submit",
    "OMS_API_CALLERS": '{"arcade": ["ARCADE", "ARCADE2"], "auditor": ["*"]}',
}


def test_callers_and_their_issuer(load: Any) -> None:
    settings = load(ENTRA)
    # To the letter: tokens name it so.
    assert settings.api_issuer == "https://login.example/tenant/"
    assert settings.api_callers == {"arcade": ("ARCADE", "ARCADE2"), "auditor": ("*",)}
    assert settings.caller_rate_limit == "600/minute"


@pytest.mark.parametrize(
    ("auth", "needed"),
    [
        ("entra", ["ISSUER", "AUDIENCE", "ROLE", "CALLERS"]),
        ("platform", ["ROLE", "CALLERS"]),
        ("none", []),
    ],
)
def test_each_way_to_know_callers_needs_its_own(load: Any, auth: str, needed: list[str]) -> None:
    environment = LOCAL | {"OMS_API_AUTH": auth}
    for name in needed:
        with pytest.raises(SettingsError, match=f"^OMS_API_{name}: required$"):
            load(environment)
        environment[f"OMS_API_{name}"] = ENTRA[f"OMS_API_{name}"]
    assert load(environment).api_auth == auth


def test_an_empty_list_of_callers_is_none(load: Any) -> None:
    with pytest.raises(SettingsError, match=r"^OMS_API_CALLERS: required$"):
        load(ENTRA | {"OMS_API_CALLERS": "{}"})


def test_an_issuer_without_tls_is_for_local_alone(load: Any) -> None:
    plain = ENTRA | {"OMS_API_ISSUER": "http://issuer.example"}
    assert load(plain).api_issuer == "http://issuer.example"
    with pytest.raises(SettingsError, match=r"^OMS_API_ISSUER: must be https"):
        load(plain | ELSEWHERE | {"OMS_KAFKA_SECURITY": "entra"})


def test_without_authentication_the_one_caller_is_limited_only_on_request(load: Any) -> None:
    assert load(LOCAL).caller_rate_limit is None
    assert load(LOCAL | {"OMS_API_RATE_LIMIT": "9/second"}).caller_rate_limit == "9/second"


# --- topics ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "topic"),
    [
        ("oms-letters", "oms-letters"),
        ("oms-other", "oms-document-status"),
        ("OMS-LETTERS", "oms-document-status"),
        ("", "oms-document-status"),
        (None, "oms-document-status"),
    ],
)
def test_a_topic_is_used_only_if_it_is_allowed(
    load: Any, configured: str | None, topic: str
) -> None:
    settings = load(LOCAL | {"OMS_EVENTS_ALLOWED_TOPICS": '["oms-letters"]'})
    assert settings.topic_for(configured) == topic


# --- retention ------------------------------------------------------------------------------

BY_SYSTEM = "OMS_CONTENT_RETENTION_DAYS_BY_SOURCE_SYSTEM"


def test_retention_differs_by_source_system(load: Any) -> None:
    settings = load(LOCAL | {"OMS_CONTENT_RETENTION_DAYS": "0.5", BY_SYSTEM: '{"ARCADE": 30}'})
    assert settings.content_retention_days == 0.5
    assert settings.content_retention_days_by_source_system == {"ARCADE": 30}
    assert load(LOCAL | {BY_SYSTEM: ""}).content_retention_days_by_source_system == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMS_CONTENT_RETENTION_DAYS", "-1"),
        ("OMS_CONTENT_RETENTION_DAYS", "for ever"),
        (BY_SYSTEM, "ARCADE"),
        (BY_SYSTEM, "[]"),
        (BY_SYSTEM, '{"ARCADE": -1}'),
        (BY_SYSTEM, '{"ARCADE": null}'),
    ],
)
def test_a_wrong_retention_is_named(load: Any, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}: .+$"):
        load(LOCAL | {name: value})


# --- the Functions worker's own export ------------------------------------------------------------

QUIET = "fastapi, httpx,httpx2,requests,urllib,urllib3"


@pytest.mark.parametrize("value", [None, "", "false", "0"])
def test_the_worker_does_not_export_unless_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", raising=False)
    if value is not None:
        monkeypatch.setenv("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", value)
    assert not worker_exports()


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_the_worker_exports_without_instrumentations_that_show_queries(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", value)
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", QUIET)
    assert worker_exports()
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "fastapi,requests")
    with pytest.raises(SettingsError, match="httpx, httpx2, urllib, urllib3"):
        worker_exports()


# --- the console ---------------------------------------------------------------------------------


def test_operators_sign_in_everywhere_but_locally(load: Any) -> None:
    assert load(LOCAL).console_sign_in is ConsoleAuth.NONE
    elsewhere = load(LOCAL | ENTRA | ELSEWHERE | {"OMS_KAFKA_SECURITY": "entra"})
    assert elsewhere.console_sign_in is ConsoleAuth.PLATFORM


@pytest.mark.parametrize(
    "url",
    ["traces.example/{traceId}", "https://traces.example/", "javascript:alert('{traceId}')"],
)
def test_a_link_to_traces_is_one(load: Any, url: str) -> None:
    with pytest.raises(SettingsError, match=r"OMS_CONSOLE_TRACE_URL: .*must be an http"):
        load(LOCAL | {"OMS_CONSOLE_TRACE_URL": url})


def test_a_link_to_traces_is_kept_as_it_is(load: Any) -> None:
    url = "https://traces.example/app#/trace?id={traceId}&x=1"
    assert load(LOCAL | {"OMS_CONSOLE_TRACE_URL": url}).console_trace_url == url
