"""The kinds of values that callers send, as types for pydantic models.

Messages never repeat a value: it may be personal data.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from shared.domain.content_rules import is_xml_name, text_violation
from shared.domain.timing import to_milliseconds

MAX_METADATA_ENTRIES = 50

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def broken_rule(message: str) -> PydanticCustomError:
    """Return an error whose message reaches the caller as it is."""
    return PydanticCustomError("oms_rule", message)


def _text(most: int, *, may_have_outer_blanks: bool = False) -> AfterValidator:
    """Allow texts of `most` UTF-16 units, as the database's NVARCHAR counts.

    One check for all rules: a validator for each would cost more than what it looks at.
    """

    def check(value: str) -> str:
        if not value.isprintable():  # most are, and then none of these can be in it
            _refuse_control_characters(value)
        if not may_have_outer_blanks and value != value.strip():
            raise broken_rule("must not begin or end with a blank")
        # Surrogates have been refused before, so this cannot fail.
        units = len(value) if value.isascii() else len(value.encode("utf-16-le")) // 2
        if not 1 <= units <= most:
            raise broken_rule(f"must have 1 to {most} characters (UTF-16 units)")
        return value

    return AfterValidator(check)


def _refuse_control_characters(value: str) -> None:
    if problem := text_violation(value):
        raise broken_rule(problem)
    for position, character in enumerate(value):
        if unicodedata.category(character) == "Cc":
            raise broken_rule(
                f"contains a control character (U+{ord(character):04X}) at position {position}"
            )


def _xml_name(value: str) -> str:
    if not is_xml_name(value):
        raise broken_rule("must be a code that can name an XML element")
    return value


def _few(value: Any) -> Any:
    # Before the entries are looked at: thousands of them need no thousands of messages.
    if isinstance(value, dict) and len(value) > MAX_METADATA_ENTRIES:
        raise broken_rule(f"must have at most {MAX_METADATA_ENTRIES} entries")
    return value


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            return to_milliseconds(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):  # the 30th of February; the year 0 once in UTC
        pass
    raise broken_rule("must be an RFC 3339 time with its offset, such as 2026-01-31T09:30:00.000Z")


def _whole(value: Any) -> Any:
    # pydantic would read `1.0` and ` 1` too.
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise broken_rule("must be a whole number")
    return value


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise broken_rule("must be a JSON object")
    return value


Code = Annotated[
    str,
    Field(strict=True, json_schema_extra={"minLength": 1, "maxLength": 50}),
    _text(50),
]
"""Which codes there are is for reference data to say."""

Whole = Annotated[int, BeforeValidator(_whole)]

CorrelationId = Annotated[
    str,
    Field(strict=True, json_schema_extra={"minLength": 1, "maxLength": 100}),
    _text(100),
]

MetadataKey = Annotated[Code, AfterValidator(_xml_name)]

MetadataValue = Annotated[
    str,
    Field(strict=True, json_schema_extra={"minLength": 1, "maxLength": 255}),
    _text(255, may_have_outer_blanks=True),
]


def metadata_schema(prefix: str = "") -> WithJsonSchema:
    """Describe metadata; a code that can name an XML element begins with a letter."""
    return WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_METADATA_ENTRIES,
            "patternProperties": {
                f"^{re.escape(prefix)}[A-Za-z][A-Za-z0-9_.-]{{0,49}}$": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                }
            },
            "additionalProperties": False,
        }
    )


Metadata = Annotated[dict[MetadataKey, MetadataValue], BeforeValidator(_few), metadata_schema()]

JsonObject = Annotated[
    dict[str, Any],
    # Kept as parsed, without a copy: exact numbers and repeated keys are still to be seen.
    PlainValidator(_object, json_schema_input_type=dict[str, Any]),
]

Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
