"""The shapes of the answers, for the OpenAPI description.

Answers are written as plain JSON (a model per answer would only cost time); the tests hold
them against these models.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.domain.statuses import FailureCategory, Priority, RequestStatus
from shared.web.camel_model import CamelModel


def _never_null(schema: dict[str, Any]) -> None:
    """Describe a member that is left out where it has no value."""
    del schema["default"]
    [described] = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
    schema.update(described)


_LEFT_OUT = Field(None, description="Left out where there is none.", json_schema_extra=_never_null)


class FieldError(CamelModel):
    """One thing that is wrong with the input."""

    field: str = Field(description="Path of the field, such as `content.lines[0].amount`.")
    message: str


class ProblemDocument(CamelModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the call.")
    code: str = Field(description="What programs should look at.")
    errors: list[FieldError] = Field(description="One entry per field; often empty.")
    trace_id: str = Field(description="Trace under which the call is found in the logs.")


class FailureAnswer(CamelModel):
    """Why a request failed."""

    category: FailureCategory
    code: str
    message: str


class OutputAnswer(CamelModel):
    """One generated document."""

    channel_name: str
    mime_type: str | None
    page_count: int | None
    document_name: str | None
    location: str | None


class DocumentRequestAnswer(CamelModel):
    """A document request."""

    request_id: UUID
    source_system: str
    request_correlation_id: str
    document_type: str
    document_name: str
    language: str
    priority: Priority
    metadata: dict[str, str]
    status: RequestStatus
    generation: int = Field(description="1 at first; each reprocess adds 1.")
    received_at: AwareDatetime
    updated_at: AwareDatetime
    submitted_at: AwareDatetime | None = _LEFT_OUT
    completed_at: AwareDatetime | None = _LEFT_OUT
    thunderhead_batch_id: str | None = _LEFT_OUT
    failure: FailureAnswer | None = _LEFT_OUT
    outputs: list[OutputAnswer] | None = _LEFT_OUT


class PageAnswer(CamelModel):
    """Some requests, newest first."""

    items: list[DocumentRequestAnswer]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last.")


class HistoryItemAnswer(CamelModel):
    """One change of status."""

    from_: RequestStatus | None = Field(alias="from")
    to: RequestStatus
    at: AwareDatetime
    actor: str
    reason: str | None
    run_id: UUID | None


class HistoryAnswer(CamelModel):
    """Every change of a request's status, oldest first."""

    items: list[HistoryItemAnswer]


class SummaryAnswer(CamelModel):
    """How many requests there are, by status."""

    counts: dict[RequestStatus, int]
    total: int


class BatchItemAnswer(CamelModel):
    """What became of one item of a batch."""

    index: int
    status: int = Field(description="The status that the item would have got by itself.")
    request_id: UUID | None = _LEFT_OUT
    problem: ProblemDocument | None = _LEFT_OUT


class BatchAnswer(CamelModel):
    """What became of each item, in their order."""

    items: list[BatchItemAnswer]


class LiveAnswer(CamelModel):
    """The process answers."""

    status: Literal["live"]


class DependencyAnswer(CamelModel):
    """Another system as the last runs of the jobs saw it."""

    name: str
    state: Literal["up", "paused", "retrying"]
    since: AwareDatetime | None
    until: AwareDatetime | None
    reason: str | None


class JobAnswer(CamelModel):
    """The last run of a job."""

    job: str
    run_id: UUID
    started_at: AwareDatetime
    finished_at: AwareDatetime
    summary: dict[str, Any]


class ReadyAnswer(CamelModel):
    """How the parts are."""

    status: Literal["ready", "unavailable"]
    database: Literal["up", "down"]
    dependencies: list[DependencyAnswer]
    jobs: list[JobAnswer]
