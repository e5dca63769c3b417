"""The Reference Data API (contracts, section 2), cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import quote

from shared.clients.authentication import Bearer
from shared.clients.availability import Availability
from shared.clients.cache import Answer, AnswerCache, Key, Outage
from shared.clients.http import HttpClient, HttpError, Response
from shared.clients.reference_data_answers import (
    CodeTable,
    fresh_seconds,
    parse_codes,
    parse_configurations,
)
from shared.domain.enrichment import ConfigurationRow
from shared.domain.retrying import parse_retry_after
from shared.domain.timing import Clock
from shared.errors import ReferenceDataInvalid
from shared.settings import Settings

T = TypeVar("T")

_OUTAGES = frozenset({401, 403, 407, 408, 429, 502, 503, 504})
"""Answers that concern every question; any other refusal concerns the one that was asked."""


class ReferenceDataClient:
    """Implements `shared.jobs.ports.ReferenceData`; safe to share between threads.

    An answer is used as long as its Cache-Control says (60 seconds where it says nothing),
    then asked for again. While that fails, it is used until it is
    OMS_REFERENCE_DATA_MAX_STALE_SECONDS old.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        token = settings.reference_data_token
        self._clock = clock
        self._max_stale_seconds = settings.reference_data_max_stale_seconds
        self._http = HttpClient(
            settings.reference_data_base_url,
            timeout_seconds=settings.http_timeout_seconds,
            auth=Bearer(token) if token else None,
        )
        self._availability = Availability(
            "reference-data", trial_seconds=settings.http_timeout_seconds
        )
        self._codes = self._cache(self._fetch_codes, settings)
        self._configurations = self._cache(self._fetch_configurations, settings)

    def codes(self, code_type: str, day: date) -> frozenset[str]:
        """Return the codes of a type that are in effect on a day (none for an unknown type).

        Raises ReferenceDataUnavailable.
        """
        return self._codes.get((code_type,), day).in_effect(day)

    def configurations(
        self, document_name: str, footer: str, day: date
    ) -> tuple[ConfigurationRow, ...]:
        """Return every configuration row that could apply; not all need be in effect.

        Raises ReferenceDataUnavailable.
        """
        return self._configurations.get((document_name, footer), day)

    def _cache(
        self,
        fetch: Callable[[Key, date, Answer[T] | None], Answer[T]],
        settings: Settings,
    ) -> AnswerCache[T]:
        return AnswerCache(
            fetch,
            self._availability,
            self._clock,
            max_stale_seconds=settings.reference_data_max_stale_seconds,
            wait_seconds=settings.http_timeout_seconds,
        )

    def _fetch_codes(
        self, key: Key, day: date, last: Answer[CodeTable] | None
    ) -> Answer[CodeTable]:
        path = f"/reference-data/type/{quote(key[0], safe='')}"
        template = "/reference-data/type/{type}"
        return self._fetch(path, {}, day, last, parse_codes, template, unknown=CodeTable(()))

    def _fetch_configurations(
        self, key: Key, day: date, last: Answer[tuple[ConfigurationRow, ...]] | None
    ) -> Answer[tuple[ConfigurationRow, ...]]:
        path = "/document-configurations/search"
        params = {"documentName": key[0], "footer": key[1]}
        return self._fetch(path, params, day, last, parse_configurations, path)

    def _fetch(
        self,
        path: str,
        params: dict[str, str],
        day: date,
        last: Answer[T] | None,
        parse: Callable[[Response], T],
        template: str,
        unknown: T | None = None,
    ) -> Answer[T]:
        # The tag of another day's answer may match this day's although the rows differ.
        etag = last.etag if last and last.day == day else None
        try:
            response = self._http.request(
                "GET",
                path,
                params=params | {"asOf": day.isoformat()},
                headers={"If-None-Match": etag} if etag else None,
                template=template,
            )
        except HttpError as error:
            raise Outage(f"Reference Data: {error}") from error
        now = self._clock()
        fresh = min(fresh_seconds(response.headers), self._max_stale_seconds)
        fresh_until = now + timedelta(seconds=fresh)
        if response.status == 304 and last and etag:
            return replace(last, fetched_at=now, fresh_until=fresh_until)
        if response.status == 200:
            value = parse(response)
        elif response.status == 404 and unknown is not None:
            value = unknown
        else:
            reason = f"Reference Data answered {response.status}"
            if response.status in _OUTAGES or 300 <= response.status < 400:
                retry_after = parse_retry_after(response.headers.get("Retry-After"), now)
                raise Outage(reason, retry_after)
            raise ReferenceDataInvalid(reason)
        return Answer(value, day, now, fresh_until, response.headers.get("ETag"))
