"""The console as a part of `python -m shared serve`."""

from __future__ import annotations

import json

import requests

from tests.integration.commands.processes import Environment, complaint_of, run, serving
from tests.integration.commands.stack import StackStarter

ELSEWHERE = {
    "OMS_ENVIRONMENT": "test",
    "OMS_API_AUTH": "entra",
    "OMS_API_ISSUER": "https://issuer.example",
    "OMS_API_AUDIENCE": "oms",
    "OMS_API_ROLE": "Submit",
    "OMS_API_CALLERS": json.dumps({"caller": ["*"]}),
    "OMS_KAFKA_SECURITY": "entra",
}


def root_of(url: str) -> str:
    return url.removesuffix("/api/v1")


def status(url: str, **headers: str) -> int:
    return requests.get(url, headers=headers, timeout=10, allow_redirects=False).status_code


def test_on_a_developers_machine_the_console_is_served_beside_the_api(start: StackStarter) -> None:
    stack = start()
    with serving(stack.environment()) as api:
        url = root_of(api)
        page = requests.get(f"{url}/console", timeout=10)
        assert page.ok
        assert "Local operator" in page.text
        assert status(f"{url}/console/", Host="evil.example") == 403
        assert status(f"{url}/health/live") == 200


def test_where_nobody_could_sign_in_there_is_no_console(start: StackStarter) -> None:
    stack = start()
    with serving(stack.environment(**ELSEWHERE)) as api:
        url = root_of(api)
        assert status(f"{url}/console/") == 404
        assert status(f"{url}/health/live") == 200


def test_behind_app_service_strangers_are_sent_to_sign_in(start: StackStarter) -> None:
    stack = start()
    changes = {**ELSEWHERE, "WEBSITE_AUTH_ENABLED": "true"}
    with serving(stack.environment(**changes)) as api:
        assert status(f"{root_of(api)}/console/") == 302


def test_a_console_that_was_asked_for_and_cannot_be_safe_is_not_started(
    environment: Environment,
) -> None:
    api = {**ELSEWHERE, "OMS_ENVIRONMENT": "local", "OMS_CONSOLE_AUTH": "none"}
    complaint = complaint_of(run(environment | api, "serve", "--host", "0.0.0.0"))
    assert complaint.startswith("OMS_CONSOLE_AUTH: none serves only a loopback --host")
    platform = environment | {"OMS_CONSOLE_AUTH": "platform"}
    complaint = complaint_of(run(platform, "serve"))
    assert complaint.startswith("WEBSITE_AUTH_ENABLED: must be true for OMS_CONSOLE_AUTH=platform")
    none = environment | ELSEWHERE | {"OMS_CONSOLE_AUTH": "none"}
    assert complaint_of(run(none, "serve")).startswith("OMS_CONSOLE_AUTH: none is only for")
