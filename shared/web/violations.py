"""Pydantic's errors in the words and paths that callers see.

Its own messages are not used: some repeat the value, which may be personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from shared.domain.content_rules import Violation

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MAX_FIELD = 200

_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "string_unicode": "contains a lone surrogate",
    # The only pattern there is.
    "string_pattern_mismatch": "must be a code: 1 to 50 letters, digits, '_', '.' or '-', "
    "a letter or digit first",
    "enum": "must be {expected}",
    "dict_type": "must be a JSON object",
    "list_type": "must be a list",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "uuid_parsing": "must be a UUID",
}


def violations_of(errors: Iterable[ErrorDetails], skip: int = 0) -> list[Violation]:
    """Translate errors of pydantic; `skip` parts of each location are not the caller's."""
    return [Violation(_path(error["loc"][skip:]), _message(error)) for error in errors]


def printable(field: str) -> str:
    """Keep a field's name fit for an answer: it comes from the caller and may hold anything."""
    shown = field if len(field) <= _MAX_FIELD else field[:_MAX_FIELD] + "…"
    return _UNPRINTABLE.sub("\ufffd", shown)


def _message(error: ErrorDetails) -> str:
    if error["type"] == "oms_rule":
        return error["msg"]
    context: dict[str, Any] = error.get("ctx", {})
    return _MESSAGES.get(error["type"], "is not valid").format(**context)


def _path(location: Sequence[str | int]) -> str:
    if len(location) > 2 and location[-1] == "[key]":  # pydantic's mark: the key is wrong itself
        location = location[:-1]
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return printable(path.removeprefix(".")) or "body"
