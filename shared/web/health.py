"""Whether the process answers, and how the parts are. Open to everyone, so no secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from shared.domain.models import JobRun, Pause
from shared.domain.timing import rfc3339
from shared.errors import DatabaseUnavailable
from shared.web.answers import LiveAnswer, ReadyAnswer
from shared.web.calls import services_of
from shared.web.json_answer import JsonAnswer
from shared.web.openapi import OPEN, answer
from shared.web.services import Services
from shared.web.threads import in_thread

router = APIRouter(prefix="/health")


@router.get(
    "/live",
    operation_id="getLiveness",
    summary="Tell that the process answers",
    description="Neither the database nor any other system is asked.",
    responses={200: answer(LiveAnswer, "The process answers.")},
    openapi_extra=OPEN,
)
async def get_liveness() -> Response:
    """Answer without asking anyone."""
    return JsonAnswer({"status": "live"})


@router.get(
    "/ready",
    operation_id="getReadiness",
    summary="Tell how the database, the jobs and the other systems are",
    description="The database is asked now; the rest is what the last runs of the jobs saw.",
    responses={
        200: answer(ReadyAnswer, "The database answers."),
        503: answer(ReadyAnswer, "The database is out."),
    },
    openapi_extra=OPEN,
)
async def get_readiness(request: Request) -> Response:
    """Leave the event loop: the database is asked."""
    return await in_thread(_readiness, services_of(request))


def _readiness(services: Services) -> Response:
    try:
        readiness = services.queries.readiness()
    except DatabaseUnavailable:
        return JsonAnswer(
            {"status": "unavailable", "database": "down", "dependencies": [], "jobs": []}, 503
        )
    now = services.clock()
    pauses = {pause.name: pause for pause in readiness.pauses}
    return JsonAnswer(
        {
            "status": "ready",
            "database": "up",
            "dependencies": [
                _dependency(name, pauses.get(name), now)
                for name in sorted({*services.dependencies, *pauses})
            ],
            "jobs": [_job(run) for run in readiness.runs],
        }
    )


def _dependency(name: str, pause: Pause | None, now: datetime) -> dict[str, Any]:
    if pause is None:
        return {"name": name, "state": "up", "since": None, "until": None, "reason": None}
    has_ended = pause.until is not None and pause.until <= now
    return {
        "name": name,
        # A pause is forgotten when the dependency answers again, not when its time is over.
        "state": "retrying" if has_ended else "paused",
        "since": rfc3339(pause.since),
        "until": rfc3339(pause.until) if pause.until else None,
        "reason": pause.reason,
    }


def _job(run: JobRun) -> dict[str, Any]:
    return {
        "job": run.job,
        "runId": str(run.run_id),
        "startedAt": rfc3339(run.started_at),
        "finishedAt": rfc3339(run.finished_at),
        "summary": dict(run.summary),
    }
