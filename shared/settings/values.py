"""Kinds of values that settings have, with their limits."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field


def _exact_http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:  # its message repeats parts of the URL
        raise ValueError("must be an http or https URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials")
    if parts.query or parts.fragment:
        raise ValueError("must be a base: no query, no fragment")
    return value


def _http_url(value: str) -> str:
    return _exact_http_url(value).rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]
ExactHttpUrl = Annotated[str, AfterValidator(_exact_http_url)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
