from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from fastapi.testclient import TestClient

from shared.domain.models import JobRun, Pause
from shared.web.answers import LiveAnswer, ReadyAnswer
from shared.web.app import create_app
from shared.web.services import Services
from tests.unit.web.fakes import NOON, MemoryStore


def test_live(client: TestClient, store: MemoryStore) -> None:
    store.is_out = True
    response = client.get("/health/live")
    assert response.status_code == 200
    LiveAnswer.model_validate(response.json(), extra="forbid")


def test_ready(services: Services, store: MemoryStore) -> None:
    def pause(name: str, hours: int | None) -> Pause:
        until = None if hours is None else NOON + timedelta(hours=hours)
        return Pause(name, NOON, until, 1, "status 503", "monitoring")

    store.tables.pauses.pauses = {
        "thunderhead": pause("thunderhead", 1),
        "events": pause("events", -1),
        "submission": pause("submission", None),
    }
    store.tables.job_runs.runs = [JobRun("processing", uuid4(), NOON, NOON, {"claimed": 3})]
    app = create_app(replace(services, dependencies=("reference-data", "thunderhead")))
    response = TestClient(app).get("/health/ready")
    assert response.status_code == 200
    answer = response.json()
    ReadyAnswer.model_validate(answer, extra="forbid")
    assert (answer["status"], answer["database"]) == ("ready", "up")
    states = {one["name"]: (one["state"], one["until"]) for one in answer["dependencies"]}
    assert states == {
        "events": ("retrying", "2026-03-02T11:00:00.000Z"),
        "reference-data": ("up", None),
        "submission": ("paused", None),
        "thunderhead": ("paused", "2026-03-02T13:00:00.000Z"),
    }
    assert answer["jobs"][0]["summary"] == {"claimed": 3}


def test_not_ready_without_the_database(client: TestClient, store: MemoryStore) -> None:
    store.is_out = True
    response = client.get("/health/ready")
    assert response.status_code == 503
    answer = response.json()
    ReadyAnswer.model_validate(answer, extra="forbid")
    assert (answer["status"], answer["database"]) == ("unavailable", "down")
    assert "hunter2" not in response.text


def test_health_is_there_below_the_prefix_too(client: TestClient) -> None:
    """For gateways that forward nothing else."""
    assert client.get("/api/v1/health/live").json() == {"status": "live"}
    assert client.get("/api/v1/health/ready").status_code == 200
