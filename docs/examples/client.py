"""A client of the Document Request API: copy it and make it yours. Needs `requests`.

oms = DocumentRequests("https://oms.example/api/v1", token=lambda: ask_entra_for_a_token())
receipt = oms.submit(request)           # the same pair again is always safe
oms.get(receipt["requestId"])["status"]
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NotRequired, TypedDict

import requests

Status = Literal["RECEIVED", "PROCESSING", "SUBMITTED", "COMPLETED", "FAILED", "HELD"]


class DocumentRequest(TypedDict):
    """What to generate. (`sourceSystem`, `requestCorrelationId`) identifies it for ever."""

    sourceSystem: str
    requestCorrelationId: str
    documentType: str
    documentName: str
    language: str
    priority: NotRequired[Literal["LOW", "NORMAL", "HIGH"]]
    metadata: NotRequired[dict[str, str]]
    content: dict[str, Any]


class Receipt(TypedDict):
    """The members of a request that every caller needs; there are more."""

    requestId: str
    status: Status
    generation: int
    failure: NotRequired[dict[str, str]]


class Refused(Exception):
    """The API says no, and will say so again: `code` and `errors` tell why."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}, trace {problem.get('traceId')}")
        self.status = status
        self.code = problem.get("code")
        self.errors = problem.get("errors", [])


class Unavailable(Exception):
    """No answer after all tries. Of a submission the outcome is unknown: send it again later."""


class DocumentRequests:
    """Calls the API. A call is repeated, unchanged, where that may help and cannot harm.

    That is after a time-out or a broken connection, and after 429 and 5xx: `Retry-After` says
    when, else the wait doubles. One instance per thread: it keeps a connection.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str] | None = None,
        *,
        timeout_seconds: float = 30,
        tries: int = 6,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._tries = tries
        self._pause = pause
        self._session = requests.Session()

    def submit(self, request: DocumentRequest) -> Receipt:
        """Submit a request; sent again, it answers with the first one. Raises Refused."""
        receipt: Receipt = self._call("POST", "/document-requests", json=request)
        return receipt

    def get(self, request_id: str) -> Receipt:
        """Read a request. Raises Refused."""
        receipt: Receipt = self._call("GET", f"/document-requests/{request_id}")
        return receipt

    def cancel(self, request_id: str) -> Receipt:
        """Cancel a request that is still RECEIVED.

        Raises Refused: 409 NOT_CANCELLABLE also where an earlier try has cancelled it.
        """
        receipt: Receipt = self._call("POST", f"/document-requests/{request_id}/cancel")
        return receipt

    def all(self, **parameters: str) -> Iterator[Receipt]:
        """Yield every request that meets the parameters, newest first, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = {"cursor": cursor} if cursor else {}
            answer = self._call("GET", "/document-requests", params=parameters | page)
            yield from answer["items"]
            cursor = answer["nextCursor"]

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        wait = 0.0
        for attempt in range(self._tries):
            if attempt:
                self._pause(wait)
            wait = random.uniform(0.5, 1) * 2**attempt  # noqa: S311 - no two callers in step
            headers = {"Authorization": f"Bearer {self._token()}"} if self._token else {}
            try:
                answer = self._session.request(
                    method,
                    self._base_url + path,
                    headers=headers,
                    timeout=self._timeout_seconds,
                    **arguments,
                )
            except (requests.ConnectionError, requests.Timeout):
                continue
            if answer.ok:
                return answer.json()
            if answer.status_code != 429 and answer.status_code < 500:
                raise Refused(answer.status_code, answer.json())
            wait = float(answer.headers.get("Retry-After", wait))
        raise Unavailable(f"{method} {path}: no answer after {self._tries} tries")
