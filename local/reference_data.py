"""Simulator of the Reference Data API: effective-dated codes and document configurations.

Answers hold rows that are not in effect, as the contract allows: judging the dates and the
precedence is the client's work. Run it with `python -m local.reference_data --port 8081`.
"""

import argparse
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from hmac import compare_digest
from pathlib import Path
from typing import Any

from aiohttp import web

from local.problems import Handler, Refusal, problem_responses
from local.serving import run_until_signalled

SAMPLE_DATA = Path(__file__).parent / "sample_data"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReferenceDataOptions:
    """How one simulator behaves."""

    base_path: str = ""
    reference_data_file: Path = SAMPLE_DATA / "reference_data.json"
    document_configurations_file: Path = SAMPLE_DATA / "document_configurations.json"
    max_age_seconds: int = 60
    bearer_token: str | None = None
    """The token that every call must carry; None leaves the API open."""


class ReferenceData:
    """The rows, and the handlers that answer from them."""

    def __init__(self, options: ReferenceDataOptions) -> None:
        self._options = options
        self._codes: dict[str, list[Row]] = defaultdict(list)
        for row in json.loads(options.reference_data_file.read_bytes()):
            self._codes[row["refDataType"]].append(row)
        self._configurations: list[Row] = json.loads(
            options.document_configurations_file.read_bytes()
        )
        self._requests: Counter[str] = Counter(type=0, search=0, notModified=0)

    async def codes_of_type(self, request: web.Request) -> web.Response:
        """Answer every row of one type, also the closed and the future ones."""
        self._requests["type"] += 1
        _check_as_of(request)
        rows = self._codes.get(request.match_info["type"])
        if rows is None:
            raise Refusal(404, "UNKNOWN_TYPE", "There is no reference data of this type.")
        return self._answer(request, rows)

    async def search_configurations(self, request: web.Request) -> web.Response:
        """Answer every row that could apply to a document name, for its footer or footer 0."""
        self._requests["search"] += 1
        _check_as_of(request)
        document_name = request.query.get("documentName", "")
        if not document_name:
            raise _invalid("documentName", "A document name is required.")
        footers = {request.query.get("footer") or "0", "0"}
        return self._answer(
            request,
            [
                row
                for row in self._configurations
                if row["footer"]["refDataValue"] in footers
                and _covers(row["appDocSpec"]["refDataValue"], document_name)
            ],
        )

    async def requests(self, _request: web.Request) -> web.Response:
        """Answer how many calls arrived, so that a test can see what a cache saved."""
        return web.json_response(dict(self._requests))

    @web.middleware
    async def authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse calls without the configured bearer token."""
        token = self._options.bearer_token
        if token is not None and not request.path.startswith("/_simulator/"):
            presented = request.headers.get("Authorization", "")
            if not compare_digest(presented.encode(), f"Bearer {token}".encode()):
                raise Refusal(
                    401,
                    "UNAUTHENTICATED",
                    "A valid bearer token is required.",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return await handler(request)

    def _answer(self, request: web.Request, rows: list[Row]) -> web.Response:
        body = json.dumps(rows, ensure_ascii=False).encode()
        etag = hashlib.sha256(body).hexdigest()
        headers = {
            "ETag": f'"{etag}"',
            "Cache-Control": f"max-age={self._options.max_age_seconds}",
        }
        if any(known.value in (etag, "*") for known in request.if_none_match or ()):
            self._requests["notModified"] += 1
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)


def create_app(options: ReferenceDataOptions | None = None) -> web.Application:
    """Build the simulator as an application."""
    options = options or ReferenceDataOptions()
    simulator = ReferenceData(options)
    app = web.Application(middlewares=[problem_responses, simulator.authorize])
    base = options.base_path.rstrip("/")
    app.router.add_get(f"{base}/reference-data/type/{{type}}", simulator.codes_of_type)
    app.router.add_get(f"{base}/document-configurations/search", simulator.search_configurations)
    app.router.add_get("/_simulator/requests", simulator.requests)
    return app


def _covers(specification: str, document_name: str) -> bool:
    """Tell whether a specification (exact name, prefix or `*`) covers a document name."""
    return specification == "*" or document_name.startswith(specification)


def _check_as_of(request: web.Request) -> None:
    """Refuse an `asOf` that is no date. It selects nothing: all rows are answered."""
    try:
        date.fromisoformat(request.query.get("asOf", "2000-01-01"))
    except ValueError as error:
        raise _invalid("asOf", "A date in the form YYYY-MM-DD is required.") from error


def _invalid(field: str, message: str) -> Refusal:
    return Refusal(400, "INVALID_PARAMETER", message, errors=[{"field": field, "message": message}])


def main() -> None:
    """Run the simulator as a process."""
    parser = argparse.ArgumentParser(description="Reference Data API simulator")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--base-path", default="")
    parser.add_argument("--max-age-seconds", type=int, default=60)
    parser.add_argument("--bearer-token", help="require this token on every call")
    arguments = parser.parse_args()
    options = ReferenceDataOptions(
        base_path=arguments.base_path,
        max_age_seconds=arguments.max_age_seconds,
        bearer_token=arguments.bearer_token,
    )
    run_until_signalled(create_app(options), arguments.port, options.base_path.rstrip("/"))


if __name__ == "__main__":
    main()
