"""Who may do what: each role assignment has a call in the code, and the other way round."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from uuid import UUID

from tests.infra.bicep import INFRA, ROOT, files, read


@dataclass(frozen=True)
class Right:
    """A role at a scope, and the place in the code that needs it."""

    principal: str
    role: str
    scope: str
    needed_by: str
    """File and text: the text must be in the file."""
    text: str
    because: str


RIGHTS = [
    Right(
        "runtimePrincipalId", "Storage Blob Data Owner", "account",
        "ProcessingTimer/function.json", "timerTrigger",
        "the host keeps the timers' leases and reads its package with AzureWebJobsStorage__*",
    ),
    Right(
        "runtimePrincipalId", "Key Vault Secrets User", "vault",
        "infra/modules/app.bicep", "@Microsoft.KeyVault",
        "the host resolves the reference to Thunderhead's secret; the jobs read the same",
    ),
    Right(
        "runtimePrincipalId", "Azure Event Hubs Data Sender", "hubs[i]",
        "shared/clients/kafka_config.py", 'get_token(f"https://{host}/.default")',
        "the publisher sends, to the hubs of its topics alone, and reads none",
    ),
    Right(
        "runtimePrincipalId", "Monitoring Metrics Publisher", "insights",
        "infra/modules/settings.bicep", "Authorization=AAD",
        "telemetry is sent as the identity, since local authentication is off",
    ),
    Right(
        "identityPrincipalId", "AcrPull", "registry",
        "infra/modules/scaleOut.bicep", "registries:",
        "the jobs of the scale-out pull their image",
    ),
    Right(
        "readerPrincipalId", "Azure Event Hubs Data Receiver", "hub",
        "infra/modules/logStream.bicep", "'elastic'",
        "Logstash or Elastic Agent reads the diagnostic logs",
    ),
]  # fmt: skip


def assigned() -> set[tuple[str, str, str]]:
    found = set()
    for path in files():
        for one in read(path).resources:
            if one.kind.startswith("Microsoft.Authorization/roleAssignments@"):
                role = re.search(
                    r"roles(?:\['([^']+)'\]|\.(\w+))", one.properties["roleDefinitionId"]
                )
                assert role, one.symbol
                found.add(
                    (str(one.properties["principalId"]), role[1] or role[2], str(one.body["scope"]))
                )
                assert one.properties["principalType"] == "ServicePrincipal"
                # The same role at the same scope has the same name: a repetition changes nothing.
                assert str(one.body["name"]).startswith("guid("), one.symbol
                assert (role[1] or role[2]) in one.body["name"], one.symbol
    return found


def test_every_right_has_its_reason() -> None:
    assert assigned() == {(right.principal, right.role, right.scope) for right in RIGHTS}


def test_what_needs_a_right_is_in_the_code() -> None:
    for right in RIGHTS:
        assert right.text in (ROOT / right.needed_by).read_text(), right


def test_the_ids_are_those_of_the_roles_that_are_used() -> None:
    roles = json.loads((INFRA / "roles.json").read_text())
    assert set(roles) == {right.role for right in RIGHTS}
    assert all(str(UUID(value)) == value for value in roles.values())
    assert len(set(roles.values())) == len(roles)


def test_no_identity_owns_or_contributes() -> None:
    for path in files():
        text = path.read_text()
        for powerful in ("Contributor", "'Owner'", "User Access Administrator"):
            assert powerful not in text, path


def test_the_migration_identity_has_no_role_in_azure() -> None:
    """Its rights are those of a user of the database (infra/hooks/database_access.py)."""
    outputs = read(INFRA / "modules" / "identities.bicep").outputs
    assert not any("migrationPrincipal" in name for name in outputs)
