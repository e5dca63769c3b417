"""What must hold in every deployment, also where the scanner does not look."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import timedelta
from typing import Any

import pytest

from shared.measures import CATALOGUE
from tests.infra.bicep import INFRA, ROOT, Resource, files, read

MODULES = INFRA / "modules"
# What Flex Consumption refuses or ignores: they are properties there.
FORBIDDEN_ON_FLEX = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_SKIP_CONTENTSHARE_VALIDATION",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}


def resource(module: str, symbol: str) -> Resource:
    return read(MODULES / f"{module}.bicep").resource(symbol)


def test_no_key_or_password_is_read_or_passed_on() -> None:
    for path in files():
        text = path.read_text()
        assert not re.search(r"\blist(Keys|AccountSas|ServiceSas|Secrets)\b|\.listKeys", text), path
        assert read(path).secure == set(), path
        assert "adminUserEnabled: true" not in text


def test_no_output_is_a_secret() -> None:
    names = re.compile(r"secret|password|key|token|sas|connectionString", re.IGNORECASE)
    allowed = {
        # Without local authentication an address and ids, no credential.
        "connectionString",
        # The address of the secret in the vault.
        "thunderheadSecretUri",
        # The name of the vault.
        "OMS_KEY_VAULT",
    }
    for path in files():
        assert {name for name in read(path).outputs if names.search(name)} <= allowed, path


def test_keys_are_switched_off_where_they_can_be() -> None:
    assert resource("storage", "account").properties["allowSharedKeyAccess"] is False
    assert resource("events", "namespace").properties["disableLocalAuth"] is True
    assert resource("observability", "insights").properties["DisableLocalAuth"] is True
    features = resource("observability", "workspace").properties["features"]
    assert features["disableLocalAuth"] is True
    assert resource("vault", "vault").properties["enableRbacAuthorization"] is True
    assert resource("vault", "vault").properties["enablePurgeProtection"] is True
    assert resource("scaleOut", "registry").properties["adminUserEnabled"] is False
    for symbol in ("noFtp", "noScmPassword"):
        assert resource("app", symbol).properties["allow"] is False


def test_the_database_takes_entra_id_alone_and_is_audited() -> None:
    server = resource("database", "server").properties
    assert server["administrators"]["azureADOnlyAuthentication"] is True
    assert "administratorLogin" not in server
    assert server["minimalTlsVersion"] == "1.2"
    assert resource("database", "auditing").properties["state"] == "Enabled"
    assert resource("database", "alertsOfThreats").properties["state"] == "Enabled"
    assert resource("database", "database").properties["autoPauseDelay"] == -1
    assert resource("database", "database").body["sku"]["name"] == "GP_S_Gen5"


def test_nothing_is_open_to_everybody() -> None:
    for path in files():
        code = re.sub(r"//.*", "", path.read_text())
        assert "0.0.0.0" not in code, path
        assert "255.255.255.255" not in code, path
        assert "defaultAction: 'Allow'" not in code, path
        assert "publicAccess: 'Blob'" not in code, path
        assert "TrustServerCertificate" not in code, path


def test_the_jobs_get_in_where_the_app_does() -> None:
    """But not to the host's storage, which the jobs do not know."""
    for path in files():
        if path.stem not in ("main", "storage"):
            text = path.read_text()
            assert text.count(": appSubnetId") == text.count(": jobsSubnetId"), path


def test_logstash_reads_where_the_diagnostic_logs_are_written() -> None:
    pipeline = (ROOT / "observability" / "logstash.conf").read_text()
    names = dict(re.findall(r"\$\{(OMS_LOGS_\w+):([\w-]+)\}", pipeline))
    assert names == {
        "OMS_LOGS_EVENT_HUB": resource("logStream", "hub").body["name"],
        "OMS_LOGS_CONSUMER_GROUP": resource("logStream", "readers").body["name"],
    }


def test_every_resource_speaks_tls_1_2_or_newer() -> None:
    assert resource("storage", "account").properties["minimumTlsVersion"] == "TLS1_2"
    assert resource("events", "namespace").properties["minimumTlsVersion"] == "1.2"
    assert resource("logStream", "namespace").properties["minimumTlsVersion"] == "1.2"
    assert resource("app", "app").properties["siteConfig"]["minTlsVersion"] == "1.2"
    assert resource("app", "app").properties["httpsOnly"] is True


def test_the_plan_is_flex_consumption_on_a_python_that_is_supported() -> None:
    assert resource("app", "plan").body["sku"] == {"tier": "FlexConsumption", "name": "FC1"}
    runtime = resource("app", "app").properties["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": "3.13"}
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == ">=3.11"
    requirements = (ROOT / "requirements.txt").read_text()
    assert re.search(
        r'^azure-functions-runtime-v1==[\d.]+; python_version >= "3.13"$', requirements, re.M
    )


@pytest.mark.parametrize("name", sorted(FORBIDDEN_ON_FLEX))
def test_no_setting_that_flex_refuses(name: str) -> None:
    for path in files():
        assert name not in path.read_text(), path


def test_sign_in_lets_the_api_and_health_through() -> None:
    signs_in = resource("signIn", "signIn").properties
    assert signs_in["globalValidation"] == {
        "requireAuthentication": False,
        "unauthenticatedClientAction": "AllowAnonymous",
    }
    entra = signs_in["identityProviders"]["azureActiveDirectory"]
    # A bearer token for the API is checked by the platform as well.
    assert "apiClientId" in entra["validation"]["allowedAudiences"]
    issuer = read(MODULES / "settings.bicep").variables["settings"]["OMS_API_ISSUER"]
    assert entra["registration"]["openIdIssuer"] == issuer
    # No client secret: a federated credential of the identity.
    setting = entra["registration"]["clientSecretSettingName"]
    assert f"{setting}: identityClientId" in (MODULES / "app.bicep").read_text()


def test_the_service_of_azure_yaml_is_the_tagged_app() -> None:
    assert "'azd-service-name': 'app'" in resource("app", "app").body["tags"]


def test_a_job_of_the_scale_out_lasts_as_long_as_a_function() -> None:
    hours, minutes, seconds = json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(
        ":"
    )
    limit = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    configuration = resource("scaleOut", "jobs").properties["configuration"]
    assert configuration["replicaTimeout"] == limit.total_seconds()


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    alerts = read(MODULES / "alerts.bicep")
    named = {alert["runbook"] for alert in alerts.variables["alerts"]} | {"database-near-limit"}
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    assert named == pages
    for rule in ("rules", "databaseLimits"):
        assert "/docs/" not in str(alerts.resource(rule).body)
        assert "${runbookBaseUrl}/" in alerts.resource(rule).properties["description"]


def test_the_figures_of_the_alerts_are_those_of_the_code() -> None:
    text = (MODULES / "alerts.bicep").read_text()
    known = {measure.name: measure.attributes for measure in CATALOGUE}
    for query in re.findall(r"query: '(.*)'", text):
        names = re.findall(r'Name == "([^"]+)"', query)
        assert names
        assert set(names) <= set(known)
        attributes = set(re.findall(r'Properties\["([^"]+)"\]', query))
        assert attributes <= {attribute for name in names for attribute in known[name]}


def test_every_stage_decides_the_same_things() -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(part) for key, part in value.items()}
        return type(value).__name__

    stages = json.loads((INFRA / "stages.json").read_text())
    assert set(stages) == {"dev", "test", "prod"}
    assert shape(stages["dev"]) == shape(stages["test"]) == shape(stages["prod"])
    assert stages["prod"]["privateNetwork"] is True
    used = set(re.findall(r"\bsize\.(\w+)", (INFRA / "main.bicep").read_text()))
    assert used == set(stages["prod"])


def test_names_have_an_abbreviation_and_a_token() -> None:
    abbreviations = json.loads((INFRA / "abbreviations.json").read_text())
    texts = "".join(path.read_text() for path in files())
    assert {name for name in abbreviations if f"abbreviations.{name}" not in texts} == set()


def test_suppressions_say_why() -> None:
    for path in files():
        for line in re.findall(r"checkov:skip=(.*)", path.read_text()):
            assert re.fullmatch(r"CKV_AZURE_\d+: .{8,}", line), f"{path}: {line}"
