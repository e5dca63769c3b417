"""The table of settings, made from the code: `python -m local.settings_table` rewrites it.

A test holds the tables in README.md and docs/settings.md to what this writes.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "settings.md")
BEGIN = "<!-- settings: made by `make docs` -->"
END = "<!-- end of settings -->"

SCHEDULES = (
    ("PROCESSING_SCHEDULE", "When the processing timer fires (NCRONTAB, six fields, UTC)."),
    ("MONITORING_SCHEDULE", "When the monitoring timer fires (NCRONTAB, six fields, UTC)."),
)
"""Settings that the Functions host reads, not this code."""


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `OMS_{name.upper()}` | {_default(field)} | {field.description} |")
    lines.extend(f"| `{name}` | **required** | {meaning} |" for name, meaning in SCHEDULES)
    return "\n".join(lines)


def with_table(document: str) -> str:
    """Return a document with the table between its markers brought up to date."""
    head, rest = document.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    return _shown(field.default)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, StrEnum):
        value = value.value
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, tuple):
        value = "[]"
    return f"`{value}`"


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(with_table(document.read_text(encoding="utf-8")), encoding="utf-8")
