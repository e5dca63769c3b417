"""The explorer's address: what it is narrowed by, and which page of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from shared.domain.statuses import FailureCategory, RequestStatus
from shared.jobs.request_storage import MOST_IDS, RequestFilter
from shared.web.console.addresses import Given, Reader, given_in
from shared.web.cursors import Position, read_cursor

FIELDS = (
    "status",
    "sourceSystem",
    "requestCorrelationId",
    "requestId",
    "batchId",
    "documentType",
    "documentName",
    "failureCategory",
    "metadataKey",
    "metadataValue",
    "receivedFrom",
    "receivedTo",
    "updatedFrom",
    "updatedTo",
)
"""What narrows the list; page size and cursor come on top."""


@dataclass(frozen=True, slots=True)
class ExplorerQuery:
    """What an address of the explorer asks for."""

    given: Given
    where: RequestFilter
    page_size: int
    before: Position | None
    errors: Mapping[str, str]
    """By parameter; with any of them, `where` is not what was meant."""

    @property
    def filters(self) -> Given:
        """What narrows the list."""
        return {name: values for name, values in self.given.items() if name in FIELDS}


def read_explorer(parameters: QueryParams) -> ExplorerQuery:
    """Read an address of the explorer."""
    given = given_in(parameters, (*FIELDS, "limit", "cursor"))
    reader = Reader(given)
    where = _where(reader)
    before = None
    if cursor := reader.text("cursor"):
        try:
            before = read_cursor(cursor, where)
        except ValueError:
            reader.errors["cursor"] = "is not of a list with these filters; begin at the first page"
    return ExplorerQuery(given, where, reader.page_size(), before, reader.errors)


def _where(reader: Reader) -> RequestFilter:
    where = RequestFilter(
        statuses=reader.some_of("status", RequestStatus),
        source_system=reader.text("sourceSystem", 50),
        request_correlation_id=reader.text("requestCorrelationId"),
        request_ids=reader.uuids("requestId", MOST_IDS),
        batch_ids=reader.ids("batchId", MOST_IDS),
        document_type=reader.text("documentType", 50),
        document_name=reader.text("documentName", 50),
        failure_category=reader.one_of("failureCategory", FailureCategory),
        received_from=reader.moment("receivedFrom"),
        received_to=reader.moment("receivedTo"),
        updated_from=reader.moment("updatedFrom"),
        updated_to=reader.moment("updatedTo"),
    )
    key, value = reader.text("metadataKey"), reader.text("metadataValue", 255)
    if (key is None) is not (value is None):
        missing, other = ("metadataValue", "key") if value is None else ("metadataKey", "value")
        reader.errors.setdefault(missing, f"is needed with the metadata {other}")
    return replace(where, metadata={key: value}) if key and value else where
