"""The Thunderhead API (contracts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from shared.clients.authentication import thunderhead_auth
from shared.clients.deadline import time_limit
from shared.clients.http import HttpClient, HttpError, NotSentError, Response
from shared.clients.oauth2 import AuthenticationRefused, OAuth2ClientCredentials
from shared.clients.thunderhead_answers import parse_cancel, parse_lookup, parse_submission
from shared.clients.thunderhead_reports import merge, parse_documents, parse_poll
from shared.domain.thunderhead import (
    CallFailed,
    Cancellation,
    DocumentReport,
    Documents,
    Forbidden,
    Lookup,
    NotSent,
    Poll,
    Submission,
    Unknown,
)
from shared.domain.timing import Clock
from shared.settings import Settings

_JSON = {"Content-Type": "application/json"}
_BATCHES = "/batches"
_BATCH = "/batches/{batchId}"
_PAGE = "500"
_MAX_PAGES = 1000
"""A batch has at most 500 documents; more pages than this do not come to an end."""


class ThunderheadClient:
    """Implements `shared.jobs.ports.Thunderhead`; safe to share between threads.

    Each method ends within OMS_HTTP_TIMEOUT_SECONDS, a token's renewal, the repetition after
    a refused token and all pages included.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._timeout_seconds = settings.http_timeout_seconds
        self._auth = thunderhead_auth(settings)
        self._http = HttpClient(
            settings.thunderhead_base_url,
            timeout_seconds=settings.http_timeout_seconds,
            auth=self._auth,
        )

    def submit(self, payload: bytes, traceparent: str) -> Submission:
        """Send a batch once; again only after a 401, which proves that it was not accepted."""
        try:
            answer = self._call("POST", _BATCHES, traceparent, body=payload)
        except NotSentError as error:
            return NotSent(str(error))
        except AuthenticationRefused as error:
            return Forbidden(str(error))
        except HttpError as error:
            return Unknown(str(error))
        return parse_submission(answer, self._clock())

    def find(self, client_reference: str, traceparent: str) -> Lookup:
        """Look a batch up by our reference."""
        answer = self._ask(
            "GET", _BATCHES, traceparent, params={"clientReference": client_reference}
        )
        if isinstance(answer, CallFailed):
            return answer
        return parse_lookup(answer, client_reference, self._clock())

    def poll(self, thunderhead_batch_id: str, traceparent: str) -> Poll:
        """Read a batch."""
        answer = self._ask("GET", _BATCH, traceparent, thunderhead_batch_id)
        return answer if isinstance(answer, CallFailed) else parse_poll(answer, self._clock())

    def documents(self, thunderhead_batch_id: str, traceparent: str) -> Documents:
        """Read the state of every document of a batch, all pages or nothing."""
        found: dict[str, DocumentReport] = {}
        seen: set[str] = set()
        params = {"limit": _PAGE}
        with time_limit(self._timeout_seconds):
            for _ in range(_MAX_PAGES):
                answer = self._ask(
                    "GET", f"{_BATCH}/documents", traceparent, thunderhead_batch_id, params=params
                )
                if isinstance(answer, CallFailed):
                    return answer
                page = parse_documents(answer, self._clock())
                if isinstance(page, CallFailed):
                    return page
                reports, cursor = page
                for report in reports:
                    known = found.get(report.document_reference, report)
                    found[report.document_reference] = merge(known, report)
                if cursor is None:
                    return found
                if cursor in seen:
                    break
                seen.add(cursor)
                params = {"limit": _PAGE, "cursor": cursor}
        return CallFailed("the pages of documents do not come to an end")

    def cancel(self, thunderhead_batch_id: str, traceparent: str) -> Cancellation:
        """Ask to cancel a batch."""
        answer = self._ask("POST", f"{_BATCH}/cancel", traceparent, thunderhead_batch_id)
        return Cancellation.FAILED if isinstance(answer, CallFailed) else parse_cancel(answer)

    def _ask(
        self,
        method: str,
        template: str,
        traceparent: str,
        thunderhead_batch_id: str = "",
        *,
        params: Mapping[str, str] | None = None,
    ) -> Response | CallFailed:
        try:
            return self._call(method, template, traceparent, thunderhead_batch_id, params=params)
        except HttpError as error:
            return CallFailed(str(error))

    def _call(
        self,
        method: str,
        template: str,
        traceparent: str,
        thunderhead_batch_id: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        path = template.replace("{batchId}", quote(thunderhead_batch_id, safe=""))

        def send() -> Response:
            return self._http.request(
                method,
                path,
                template=template,
                params=params,
                body=body,
                headers=_JSON if body else None,
                traceparent=traceparent,
            )

        with time_limit(self._timeout_seconds):
            answer = send()
            if answer.status == 401 and isinstance(self._auth, OAuth2ClientCredentials):
                self._auth.invalidate(answer.authorization)
                answer = send()
            return answer
