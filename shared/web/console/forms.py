"""The fields of a form that was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import Request

from shared.web.body_reading import read_body
from shared.web.problems import Problem, Refusal

MAX_FORM_BYTES = 65_536
"""500 selected requests with their versions take 30 KB."""
MAX_FIELDS = 1_200

_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MALFORMED = Problem(400, "MALFORMED_FORM", "The form cannot be read.")


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, by field; blanks around it are cut off."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the first value of a field; empty where there is none."""
        return self.values.get(name, [""])[0].strip()

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a field."""
        return self.values.get(name, [])


async def read_form(request: Request) -> Form:
    """Read the form that a request carries. Raises Refusal (400, 413)."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != _MEDIA_TYPE:
        raise Refusal(_MALFORMED)
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:  # no UTF-8, or too many fields
        raise Refusal(_MALFORMED) from None
