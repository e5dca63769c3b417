"""The AsyncAPI document: against the code, and against the official parser."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.domain.events import CONTENT_TYPE
from shared.settings import Settings
from shared.settings.events import TOPIC, KafkaSecurity
from tests.contracts.documents import ASYNCAPI, DIRECTORY, EVENT_SCHEMA, load

PARSER = Path(__file__).parent / "asyncapi"
MODULES = PARSER / "node_modules"
STAMP = MODULES / ".installed"
SECONDS = 120
# Kinds of npm's errors that say nothing about us: nobody answers where it looks for packages.
UNREACHABLE = re.compile(r"EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ENOTFOUND|ETIMEDOUT")


@pytest.mark.integration
def test_the_parser_finds_no_fault_in_the_document_and_those_of_a_broken_one(
    tmp_path: Path,
) -> None:
    _install_parser()
    broken = tmp_path / ASYNCAPI
    shutil.copy(DIRECTORY / EVENT_SCHEMA, tmp_path)
    text = (DIRECTORY / ASYNCAPI).read_text(encoding="utf-8")
    broken.write_text(text.replace("action: send", "action: shout"), encoding="utf-8")
    parsed = _parse(DIRECTORY / ASYNCAPI, broken)

    good = parsed[str(DIRECTORY / ASYNCAPI)]
    faults = [one for one in good["diagnostics"] if one["code"] != "asyncapi-latest-version"]
    assert faults == []
    assert good["version"] == load(ASYNCAPI)["asyncapi"] == "3.0.0"
    assert good["channels"] == ["{topic}"]
    assert good["sent"] == ["publishTerminalStatus"]

    assert parsed[str(broken)]["version"] is None
    assert any(one["where"].endswith("action") for one in parsed[str(broken)]["diagnostics"])


def test_the_message_is_what_the_code_publishes() -> None:
    document = load(ASYNCAPI)
    message = document["components"]["messages"]["terminalStatusEvent"]
    assert message["contentType"] == document["defaultContentType"] == CONTENT_TYPE
    assert message["payload"] == {"$ref": f"./{EVENT_SCHEMA}"}
    headers = message["headers"]["properties"]
    assert headers["content-type"]["const"] == CONTENT_TYPE
    event = load(EVENT_SCHEMA)["properties"]
    assert headers["traceparent"]["pattern"] == event["traceparent"]["pattern"]
    assert message["bindings"]["kafka"]["key"]["format"] == event["subject"]["format"]
    for example in message["examples"]:
        assert example["headers"].keys() == headers.keys()
        assert example["headers"]["traceparent"] == example["payload"]["traceparent"]


def test_the_topics_are_those_of_the_settings() -> None:
    parameter = load(ASYNCAPI)["channels"]["terminalStatus"]["parameters"]["topic"]
    assert parameter["default"] == Settings.model_fields["events_topic"].default
    assert all(re.fullmatch(TOPIC, example) for example in parameter["examples"])


def test_every_way_to_authenticate_is_described() -> None:
    schemes = load(ASYNCAPI)["components"]["securitySchemes"]
    described = " ".join(scheme["description"] for scheme in schemes.values())
    # Plain text is for one machine alone.
    for kind in set(KafkaSecurity) - {KafkaSecurity.PLAINTEXT}:
        assert f"`OMS_KAFKA_SECURITY={kind}`" in described


def test_the_lock_of_the_parser_names_no_registry() -> None:
    lock = json.loads((PARSER / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"]["node_modules/@asyncapi/parser"]["integrity"]
    assert all("resolved" not in package for package in lock["packages"].values())


def _parse(*paths: Path) -> Any:
    # One process for all: loading the parser takes most of the time.
    command = ["node", str(PARSER / "parse.mjs"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _install_parser() -> None:
    """Install the parser unless this very lock has been; skip where that cannot be done."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the AsyncAPI parser needs {' and '.join(missing)}, which this machine lacks")
    fcntl = pytest.importorskip("fcntl", reason="the lock around the installation needs POSIX")
    wanted = hashlib.sha256((PARSER / "package-lock.json").read_bytes()).hexdigest()
    with (PARSER / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once share the folder
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        _run_npm()
        STAMP.write_text(wanted)


def _run_npm() -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            command, cwd=PARSER, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the AsyncAPI parser was not installed within {SECONDS} seconds")
    if done.returncode and (cause := UNREACHABLE.search(done.stderr)):
        pytest.skip(f"the AsyncAPI parser cannot be installed: no package registry ({cause[0]})")
    assert done.returncode == 0, done.stderr
