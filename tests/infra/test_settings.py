"""The app settings that a deployment makes, held to the code that reads them."""

from __future__ import annotations

import json
import re

import pytest

from local.settings_table import SCHEDULES
from shared.settings import Settings, load_settings
from tests.infra.bicep import INFRA, ROOT, Expression, read

SHARED = read(INFRA / "modules" / "settings.bicep").variables["settings"]
APP = read(INFRA / "modules" / "app.bicep").variables["platformSettings"]
JOBS = read(INFRA / "modules" / "scaleOut.bicep").variables["secretSettings"]

# Read by the host, the SDKs or the platform, not by shared/settings.
OF_THE_PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "OTEL_TRACES_SAMPLER",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    *(name for name, _ in SCHEDULES),
}
KNOWN = {f"OMS_{name.upper()}" for name in Settings.model_fields}

# What a deployment may put where the files have an expression.
SAMPLES = {
    "OMS_ENVIRONMENT": "prod",
    "OMS_DATABASE_URL": "mssql+pyodbc://sql-x.database.windows.net/oms?driver=ODBC+Driver+18+for+SQL+Server",
    "OMS_REFERENCE_DATA_BASE_URL": "https://reference.example",
    "OMS_THUNDERHEAD_BASE_URL": "https://gateway.example/thunderhead/v1",
    "OMS_THUNDERHEAD_AUTH": "oauth2",
    "OMS_THUNDERHEAD_CLIENT_ID": "oms",
    "OMS_THUNDERHEAD_CLIENT_SECRET": "@Microsoft.KeyVault(SecretUri=https://kv.example/secrets/x)",
    "OMS_THUNDERHEAD_TOKEN_URL": "https://gateway.example/token",
    "OMS_THUNDERHEAD_SCOPE": "",
    "OMS_KAFKA_BOOTSTRAP_SERVERS": "evhns-x.servicebus.windows.net:9093",
    "OMS_EVENTS_TOPIC": "oms-document-status",
    "OMS_EVENTS_ALLOWED_TOPICS": '["oms-policy-status"]',
    "OMS_API_ISSUER": "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001/v2.0",
    "OMS_API_AUDIENCE": "00000000-0000-0000-0000-000000000002",
    "OMS_API_CALLERS": '{"00000000-0000-0000-0000-000000000003": ["ARCADE"]}',
}


def emitted(*more: dict[str, object]) -> dict[str, object]:
    return {name: value for settings in (SHARED, *more) for name, value in settings.items()}


def test_every_setting_is_known_to_the_code_or_to_the_platform() -> None:
    names = set(emitted(APP)) | {one["name"] for one in JOBS}
    names |= set(re.findall(r"^  (OVERRIDE_\w+):", (INFRA / "modules/app.bicep").read_text(), re.M))
    assert names - KNOWN - OF_THE_PLATFORM == set()
    assert OF_THE_PLATFORM - names == set(), "the list is longer than the files"


def environment(kind: str) -> dict[str, str]:
    """Return what a process of the app or of the jobs finds in its environment."""
    secrets = {one["name"]: Expression("secretRef") for one in JOBS}
    found = {}
    for name, value in (emitted(APP) if kind == "app" else emitted(secrets)).items():
        is_literal = not isinstance(value, Expression) and "${" not in str(value)
        if is_literal or name in SAMPLES:
            found[name] = SAMPLES.get(name, str(value))
        else:
            assert name in OF_THE_PLATFORM, name
    return found


@pytest.mark.parametrize("kind", ["app", "jobs"])
def test_a_process_starts_with_what_is_emitted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever shared/settings comes to require is missed here first."""
    for name, value in environment(kind).items():
        monkeypatch.setenv(name, value)
    assert not load_settings(Settings).is_local


def test_telemetry_is_switched_on_in_two_places_or_in_neither() -> None:
    """In one alone, every log line arrives twice."""
    host = json.loads((ROOT / "host.json").read_text())
    worker = APP.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "false")
    assert (host.get("telemetryMode") == "OpenTelemetry") == (worker == "true")


def test_the_schedules_are_emitted() -> None:
    assert {name for name, _ in SCHEDULES} <= set(APP)


def test_the_secret_is_a_reference_to_the_vault() -> None:
    assert APP["OMS_THUNDERHEAD_CLIENT_SECRET"].startswith("@Microsoft.KeyVault(SecretUri=")
    assert [
        {"name": "OMS_THUNDERHEAD_CLIENT_SECRET", "secretRef": Expression("secretName")}
    ] == JOBS
