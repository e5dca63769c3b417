"""The bodies that callers send: their models, and reading them from parsed JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared.domain.content_rules import MAX_VIOLATIONS, Violation, content_violations
from shared.domain.models import NewRequest
from shared.domain.statuses import Priority
from shared.domain.strict_json import RepeatedKeys
from shared.web.camel_model import ClosedModel
from shared.web.problems import Refusal, validation_error
from shared.web.values import Code, CorrelationId, JsonObject, Metadata
from shared.web.violations import printable, violations_of

MAX_ITEMS = 500
MAX_REQUEST_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 16 * MAX_REQUEST_BYTES

EXAMPLE: dict[str, Any] = {
    "sourceSystem": "ARCADE",
    "requestCorrelationId": "REQ-0001-9749",
    "documentType": "INVOICE",
    "documentName": "IVZRECPA",
    "language": "EN",
    "priority": "NORMAL",
    "metadata": {"INVOICE_ID": "490634", "FOOTER_ID": "2", "POLICY_ID": "14545"},
    "content": {"Document": {"total": 12.50, "lines": [{"text": "Premium"}]}},
}


class DocumentRequestBody(ClosedModel):
    """A request for one document."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    source_system: Code = Field(description="SOURCE_SYSTEM code of the caller's system.")
    request_correlation_id: CorrelationId = Field(
        description="The source system's own id of the request; unique there. Case-sensitive, "
        "1 to 100 UTF-16 units, no blanks around it."
    )
    document_type: Code = Field(description="DOCUMENT_TYPE code.")
    document_name: Code = Field(description="DOCUMENT_NAME code.")
    language: Code = Field(description="LANGUAGE code.")
    priority: Priority = Field(
        Priority.NORMAL, description="How soon it should be taken, relative to others."
    )
    metadata: Metadata = Field(
        default_factory=dict, description="METADATA_KEY codes with values of 1 to 255 characters."
    )
    content: JsonObject = Field(
        description="What the document is made from: anything that XML can express, at most 64 "
        "levels deep. Numbers keep every digit."
    )


# The items are checked one by one, each on its own terms.
_Item = Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/DocumentRequestBody"})]


class DocumentRequestBatchBody(ClosedModel):
    """Several requests in one call."""

    items: list[_Item] = Field(min_length=1, max_length=MAX_ITEMS)


def read_document_request(tree: Any) -> NewRequest:
    """Read a request from parsed JSON. Raises Refusal with everything that is wrong with it."""
    fields = _fields_of(tree)
    violations = [*_unknown_fields(fields, DocumentRequestBody), *_repeated_keys(fields)]
    try:
        body = DocumentRequestBody.model_validate(_known_fields(fields, DocumentRequestBody))
    except ValidationError as error:
        body = None
        violations += violations_of(error.errors(include_input=False, include_url=False))
    content = fields.get("content")
    if isinstance(content, dict):
        violations += content_violations(content)
    if body is None or violations:
        raise Refusal(validation_error(violations))
    return NewRequest(
        source_system=body.source_system,
        request_correlation_id=body.request_correlation_id,
        document_type=body.document_type,
        document_name=body.document_name,
        language=body.language,
        priority=body.priority,
        metadata=body.metadata,
        content=body.content,
    )


def read_items(tree: Any) -> list[Any]:
    """Read the items of a batch from parsed JSON. Raises Refusal."""
    fields = _fields_of(tree)
    violations = [*_unknown_fields(fields, DocumentRequestBatchBody), *_repeated_keys(fields)]
    try:
        known = _known_fields(fields, DocumentRequestBatchBody)
        items = DocumentRequestBatchBody.model_validate(known).items
    except ValidationError as error:
        items = []
        violations += violations_of(error.errors(include_input=False, include_url=False))
    if violations:
        raise Refusal(validation_error(violations))
    return items


def _fields_of(tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise Refusal(validation_error([Violation("body", "must be a JSON object")]))
    return tree


@cache
def _names(model: type[ClosedModel]) -> frozenset[str]:
    return frozenset(to_camel(name) for name in model.model_fields)


def _known_fields(fields: dict[str, Any], model: type[ClosedModel]) -> dict[str, Any]:
    return {name: fields[name] for name in _names(model) if name in fields}


def _unknown_fields(fields: dict[str, Any], model: type[ClosedModel]) -> Iterator[Violation]:
    # Not left to pydantic: it would list each of a million unknown fields.
    known = _names(model)
    for name in islice((name for name in fields if name not in known), MAX_VIOLATIONS):
        yield Violation(printable(name), "is not known here")


def _repeated_keys(fields: dict[str, Any]) -> Iterator[Violation]:
    """Report keys that occur twice outside the content, which has its own rules."""
    if isinstance(fields, RepeatedKeys):
        yield Violation(printable(fields.key), "occurs more than once")
    metadata = fields.get("metadata")
    if isinstance(metadata, RepeatedKeys):
        yield Violation(printable(f"metadata.{metadata.key}"), "occurs more than once")
