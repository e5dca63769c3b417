"""One flow through the whole system keeps every contract at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from local import reference_data
from local.clock import ManualClock
from local.samples import load_samples
from local.thunderhead import ThunderheadOptions
from local.thunderhead import create_app as create_thunderhead
from local.thunderhead.options import TOKEN_PATH
from shared.asgi import api
from shared.composition import compose
from shared.domain.models import OutboxEvent
from shared.domain.timing import to_milliseconds
from shared.jobs.ports import PublishFailure
from tests.contracts.documents import DOCUMENT_REQUEST_API, REFERENCE_DATA_API, THUNDERHEAD_API
from tests.contracts.openapi import Contract, Exchange
from tests.contracts.recording import recorded
from tests.contracts.validation import assert_valid_event
from tests.unit.clients.support import make_settings

OURS = Contract(DOCUMENT_REQUEST_API)
REFERENCE_DATA = Contract(REFERENCE_DATA_API)
THUNDERHEAD = Contract(THUNDERHEAD_API)


class Collector:
    """Takes events as the broker would."""

    def __init__(self) -> None:
        self.events: list[OutboxEvent] = []

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        self.events += events
        return {event.event_id: None for event in events}

    def close(self) -> None:
        pass


@pytest.mark.integration
def test_from_requests_to_events_everything_is_as_documented(tmp_path: Path) -> None:
    clock = ManualClock()

    def now() -> datetime:
        return to_milliseconds(datetime.fromtimestamp(clock(), UTC))

    codes_app = reference_data.create_app(
        reference_data.ReferenceDataOptions(base_path=REFERENCE_DATA.base_path)
    )
    options = ThunderheadOptions(
        base_path=THUNDERHEAD.base_path, clock=clock, authentication="oauth2"
    )
    with recorded(codes_app) as codes, recorded(create_thunderhead(options)) as platform:
        settings = make_settings(
            database_url=f"sqlite:///{tmp_path / 'oms.db'}",
            reference_data_base_url=codes.url + REFERENCE_DATA.base_path,
            thunderhead_base_url=platform.url + THUNDERHEAD.base_path,
            thunderhead_auth="oauth2",
            thunderhead_token_url=platform.url + TOKEN_PATH,
            thunderhead_client_id="oms-local",
            thunderhead_client_secret="oms-local-only",
            events_allowed_topics=("oms-policy-status",),
        )
        collector = Collector()
        system = compose(settings, now)
        system.clients.publisher = collector
        system.store.migrate()
        caller = TestClient(api(system))
        answers: list[Exchange] = []

        def call(method: str, path: str, body: bytes | None = None) -> dict[str, object]:
            headers = {"Content-Type": "application/json"} if body else {}
            response = caller.request(method, path, content=body, headers=headers)
            answers.append(
                Exchange(
                    method,
                    path,
                    dict(response.request.headers),
                    body or b"",
                    response.status_code,
                    dict(response.headers),
                    response.content,
                )
            )
            return dict(response.json())

        samples = load_samples()
        for sample in samples:
            call("POST", "/api/v1/document-requests", sample.body)
        accepted = [answer for answer in answers if answer.status == 202]
        assert 0 < len(accepted) < len(samples)
        locations = [answer.response_headers["location"] for answer in accepted]
        call("POST", f"{locations[0]}/cancel")
        for _ in range(10):
            system.processing.run()
            system.monitoring.run()
            clock.advance(20)
        ended = [call("GET", location)["status"] for location in locations]
        assert set(ended) == {"COMPLETED", "FAILED"}
        for location in locations:
            call("GET", f"{location}/history")
        for path in ("?limit=5", "/summary"):
            call("GET", f"/api/v1/document-requests{path}")
        call("GET", "/health/ready")
        system.close()

    for answer in answers:
        OURS.assert_response(answer, with_headers=False)
    for recording, contract in ((codes, REFERENCE_DATA), (platform, THUNDERHEAD)):
        assert recording.of_our_clients == recording.exchanges
        recording.assert_requests(contract)
        recording.assert_answers(contract)
    assert sorted(event.request_id for event in collector.events) == sorted(
        UUID(location.rsplit("/", 1)[1]) for location in locations
    )
    for event in collector.events:
        assert_valid_event(json.loads(event.payload))
