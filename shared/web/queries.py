"""Query parameters: every one known, given once, and valid."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import Field, ValidationError
from starlette.datastructures import QueryParams

from shared.domain.content_rules import Violation
from shared.domain.statuses import RequestStatus
from shared.jobs.request_storage import RequestFilter
from shared.web.camel_model import ClosedModel
from shared.web.cursors import Position, read_cursor
from shared.web.problems import Refusal, validation_error
from shared.web.values import Code, CorrelationId, Metadata, Moment, Whole, metadata_schema
from shared.web.violations import printable, violations_of

METADATA = "metadata."


class SummaryQuery(ClosedModel):
    """What a summary can be narrowed by."""

    source_system: Code | None = Field(None, description="Only of this source system.")
    received_from: Moment | None = Field(None, description="Received at or after this time.")
    received_to: Moment | None = Field(None, description="Received before this time.")

    def to_filter(self) -> RequestFilter:
        """Return what the query asks for."""
        return RequestFilter(
            source_system=self.source_system,
            received_from=self.received_from,
            received_to=self.received_to,
        )


class ListQuery(SummaryQuery):
    """What a list can be narrowed by, and which page of it."""

    status: RequestStatus | None = Field(None, description="Only in this status.")
    document_type: Code | None = Field(None, description="Only of this document type.")
    document_name: Code | None = Field(None, description="Only of this document name.")
    request_correlation_id: CorrelationId | None = Field(
        None, description="Only with this correlation id."
    )
    updated_from: Moment | None = Field(None, description="Changed at or after this time.")
    metadata: Annotated[Metadata, metadata_schema(METADATA)] = Field(
        default_factory=dict,
        description="`metadata.KEY=value` for any number of keys: only with this metadata.",
    )
    limit: Whole = Field(50, ge=1, le=200, description="Most requests in one page.")
    cursor: str | None = Field(None, description="`nextCursor` of the page before.")

    def to_filter(self) -> RequestFilter:
        """Return what the query asks for."""
        return RequestFilter(
            source_system=self.source_system,
            statuses=(self.status,) if self.status else (),
            document_type=self.document_type,
            document_name=self.document_name,
            request_correlation_id=self.request_correlation_id,
            received_from=self.received_from,
            received_to=self.received_to,
            updated_from=self.updated_from,
            metadata=self.metadata or None,
        )

    def position(self) -> Position | None:
        """Return where the page begins. Raises Refusal if the cursor is not of this list."""
        if self.cursor is None:
            return None
        try:
            return read_cursor(self.cursor, self.to_filter())
        except ValueError:
            violation = Violation("cursor", "is not the nextCursor of a list with these parameters")
            raise Refusal(validation_error([violation])) from None


Query = TypeVar("Query", bound=SummaryQuery)


def read_query(parameters: QueryParams, model: type[Query]) -> Query:
    """Read the parameters of a query. Raises Refusal."""
    given: dict[str, object] = {}
    metadata: dict[str, str] = {}
    violations = []
    for name, value in parameters.multi_items():
        is_metadata = name.startswith(METADATA) and "metadata" in model.model_fields
        key = name.removeprefix(METADATA)
        if name in given or (is_metadata and key in metadata):
            violations.append(Violation(printable(name), "is given more than once"))
        elif is_metadata:
            metadata[key] = value
        elif name == "metadata":
            violations.append(Violation(name, "is not known here"))
        else:
            given[name] = value
    if metadata:
        given["metadata"] = metadata
    try:
        query = model.model_validate(given)
    except ValidationError as error:
        violations += violations_of(error.errors(include_input=False, include_url=False))
    if violations:
        raise Refusal(validation_error(violations))
    return query
