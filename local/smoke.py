"""One request through a running system: `make smoke URL=https://…`; exit 0 if it is COMPLETED.

It is of the source system, the type and the name that are reserved for this, and that the tenant's
configuration does not print (docs/deploy.md). `OMS_SMOKE_TOKEN` holds a bearer token of a caller
that may submit for that source system; without it the call carries none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import requests

SOURCE_SYSTEM = "OMS_SMOKE"
DOCUMENT_TYPE = "SMOKE_TEST"
DOCUMENT_NAME = "OMSSMOKE"
LANGUAGE = "EN"

_ANSWER_SECONDS = 30
_ENDED = ("COMPLETED", "FAILED", "HELD")


class Smoke(Exception):
    """The system does not do what it should; the text says what was seen."""


class SmokeTest:
    """Submits one request and watches it to its end."""

    def __init__(
        self,
        url: str,
        token: str | None,
        report: Callable[[str], None],
        *,
        within_seconds: float,
        every_seconds: float,
    ) -> None:
        self._url = url.rstrip("/")
        self._report = report
        self._deadline = time.monotonic() + within_seconds
        self._within_seconds = within_seconds
        self._every_seconds = every_seconds
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def run(self) -> None:
        """Return when the request is COMPLETED. Raises Smoke."""
        with self._session:
            ready = self._call("GET", "/health/ready")
            self._report(f"ready: database {ready['database']}")
            accepted = self._call("POST", "/api/v1/document-requests", _request())
            self._report(f"accepted as {accepted['requestId']}")
            seen = self._watch(f"/api/v1/document-requests/{accepted['requestId']}")
        if seen["status"] != "COMPLETED":
            failure = seen.get("failure", {})
            # Not its message: that may be the vendor's.
            why = f" ({failure['category']}, {failure['code']})" if failure else ""
            raise Smoke(f"the request ended as {seen['status']}{why}")

    def _watch(self, path: str) -> dict[str, Any]:
        status = None
        while True:
            seen = self._call("GET", path)
            if seen["status"] != status:
                status = seen["status"]
                batch = seen.get("thunderheadBatchId")
                self._report(f"{status}, batch {batch}" if batch else f"{status}")
            if status in _ENDED:
                return seen
            if time.monotonic() > self._deadline:
                raise Smoke(f"still {status} after {self._within_seconds:g} s")
            time.sleep(self._every_seconds)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the API, again while it is starting or busy. Raises Smoke."""
        while True:
            answer = self._answer(method, path, body)
            if answer is not None and answer.ok:
                return _json(answer, path)
            said = "no answer" if answer is None else _said(answer)
            if answer is not None and answer.status_code not in (429, 502, 503, 504):
                raise Smoke(f"{method} {path}: {said}")
            if time.monotonic() > self._deadline:
                raise Smoke(f"{method} {path}: {said}, for {self._within_seconds:g} s")
            # The same body again: the same correlation id, so one request at most.
            time.sleep(self._every_seconds)

    def _answer(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> requests.Response | None:
        try:
            return self._session.request(
                method, self._url + path, json=body, timeout=_ANSWER_SECONDS, allow_redirects=False
            )
        except (requests.ConnectionError, requests.Timeout):
            return None
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
            raise Smoke(f"URL: {error}") from None


def _request() -> dict[str, Any]:
    reference = f"smoke-{uuid4()}"
    return {
        "sourceSystem": SOURCE_SYSTEM,
        "requestCorrelationId": reference,
        "documentType": DOCUMENT_TYPE,
        "documentName": DOCUMENT_NAME,
        "language": LANGUAGE,
        "priority": "HIGH",
        "content": {"SmokeTest": {"Reference": reference}},
    }


def _json(answer: requests.Response, path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        raise Smoke(f"{path}: answered {answer.status_code}, but no JSON: is it OMS?") from None
    return found


def _said(answer: requests.Response) -> str:
    if "json" not in answer.headers.get("Content-Type", ""):
        return f"{answer.status_code}"
    problem = answer.json()
    fields = "; ".join(f"{one['field']} {one['message']}" for one in problem.get("errors", []))
    parts = (problem.get("code"), fields, f"trace {problem.get('traceId')}")
    return f"{answer.status_code} " + ", ".join(part for part in parts if part)


def main() -> int:
    """Run the smoke test; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make smoke", description=__doc__)
    parser.add_argument("url", metavar="URL", help="where the API is, without /api/v1")
    parser.add_argument("--within", type=float, default=600, metavar="SECONDS")
    parser.add_argument("--every", type=float, default=2, metavar="SECONDS")
    options = parser.parse_args()
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    test = SmokeTest(
        options.url,
        os.environ.get("OMS_SMOKE_TOKEN"),
        report,
        within_seconds=options.within,
        every_seconds=options.every,
    )
    try:
        test.run()
    except Smoke as seen:
        print(f"Smoke test failed: {seen}", file=sys.stderr)
        return 1
    report("smoke test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
