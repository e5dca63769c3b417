"""How the jobs work: batches, time limits, patience, retention, and when somebody should look."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from shared.errors import SettingsError
from shared.settings.environment import Environment
from shared.settings.values import Days, Seconds, SecondsOrNone


class JobSettings(Environment):
    """The processing and the monitoring job."""

    max_documents_per_batch: int = Field(
        500, ge=1, le=500, description="Most documents in one batch."
    )
    max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Sends with unknown outcome, while Thunderhead otherwise answered, before "
        "a batch is HELD.",
    )
    batch_deadline_seconds: Seconds = Field(
        86_400,
        description="Time a submitted batch has; then it is cancelled and what is not done "
        "FAILS (TIMEOUT).",
    )
    pending_grace_seconds: SecondsOrNone = Field(
        600,
        description="How long documents may stay PENDING after their batch has ended before "
        "they are settled without an answer.",
    )
    poll_min_seconds: Seconds = Field(5, description="Shortest time between polls of a batch.")
    poll_max_seconds: Seconds = Field(300, description="Longest time between polls of a batch.")
    http_concurrency: int = Field(
        16, ge=1, le=256, description="Outbound calls at a time, per run of a job."
    )
    http_timeout_seconds: Seconds = Field(
        30, description="Total time of one outbound call, its whole answer included."
    )
    lease_seconds: Seconds = Field(
        120,
        description="How long a worker owns a piece of work without renewing it; at least twice "
        "OMS_HTTP_TIMEOUT_SECONDS.",
    )
    retry_base_seconds: Seconds = Field(5, description="First step of the backoff.")
    retry_max_seconds: Seconds = Field(600, description="Longest wait of the backoff.")
    run_budget_seconds: Seconds = Field(
        480,
        description="How long a run of a job takes up new work; below the functionTimeout of "
        "host.json by at least a lease.",
    )
    content_retention_days: Days = Field(
        90,
        description="How long content, metadata values, Thunderhead's texts and published events "
        "are kept after a request's end. The request and its history stay.",
    )
    content_retention_days_by_source_system: dict[str, Days] = Field(
        {},
        description='JSON object of source systems with another time: `{"ARCADE": 30}`.',
    )
    statistics_seconds: Seconds = Field(
        300,
        description="How often the monitoring job brings the console's statistics up to date, and "
        "counts what is open for metrics and alerts.",
    )
    alert_waiting_seconds: Seconds = Field(
        1800,
        description="How long a request may be RECEIVED or PROCESSING before the console warns. "
        "(SUBMITTED: OMS_BATCH_DEADLINE_SECONDS.)",
    )
    alert_held_seconds: Seconds = Field(
        3600, description="How long a request may be HELD before the console warns."
    )
    alert_unpublished_seconds: Seconds = Field(
        900, description="How long an event may wait to be published before the console warns."
    )
    alert_job_seconds: Seconds = Field(
        900,
        description="How long after the end of a job's last run the console warns that the job "
        "may be dead; longer than a run may take.",
    )

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        least = 2 * self.http_timeout_seconds
        if self.lease_seconds < least:
            raise SettingsError(
                f"OMS_LEASE_SECONDS: must be at least {least:g}, twice OMS_HTTP_TIMEOUT_SECONDS"
            )
        self._require_order("poll_min_seconds", "poll_max_seconds")
        self._require_order("retry_base_seconds", "retry_max_seconds")
        return self
