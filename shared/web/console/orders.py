"""What every order has: a reason, the version that the person saw, and perhaps a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import ActionRefused, ReferenceDataUnavailable
from shared.web.console.forms import Form

MAX_REASON = 1000
"""Characters of a reason that history and audit keep."""

Refused = (ActionRefused, ReferenceDataUnavailable)
"""What speaks against an order; nothing was changed then."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order was not carried out."""

    code: str
    text: str


def refusal_of(error: ActionRefused | ReferenceDataUnavailable) -> Refusal:
    """Put a refusal in words."""
    if isinstance(error, ActionRefused):
        return Refusal(error.code, str(error))
    return Refusal(
        "REFERENCE_DATA_UNAVAILABLE",
        "Reference Data cannot be read at the moment, and the order needs it; try again later.",
    )


def read_reason(form: Form) -> tuple[str, str | None]:
    """Return the reason, and what is wrong with it (None: nothing)."""
    reason = " ".join(form.text("reason").split())
    if not reason:
        return "", "Say why: the reason is recorded with your name."
    # UTF-16 units are what the database counts.
    if len(reason.encode("utf-16-le")) // 2 > MAX_REASON:
        return reason, f"The reason must have at most {MAX_REASON} characters."
    if not reason.isprintable():
        return "", "The reason holds characters that cannot be shown."
    return reason, None


def read_version(form: Form) -> int | None:
    """Return the version that the person saw, or None where the form names none."""
    version = form.text("version")
    return int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
