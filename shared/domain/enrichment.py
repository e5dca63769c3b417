"""Which document configuration applies to a request (contracts, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from shared.domain.models import Failure
from shared.domain.statuses import FailureCategory

BATCH_CONFIG_ID = "BATCH_CONFIG_ID"
TOPIC_NAME = "TOPIC_NAME"
FOOTER_ID = "FOOTER_ID"
DEFAULT_FOOTER = "0"
OPEN_END = date(4712, 12, 31)
MAX_CONFIG_ID = 100
"""Characters of a batch configuration's id; the vendor's have about ten."""


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """One effective-dated value of a document configuration."""

    row_id: str
    footer: str
    document: str
    """An exact document name, a prefix of names, or `*`."""
    code: str
    value: str
    effective_from: date
    effective_to: date


NO_CONFIGURATION = Failure(
    FailureCategory.ENRICHMENT,
    "CONFIGURATION_MISSING",
    "No document configuration in effect today says how to generate this document "
    "(BATCH_CONFIG_ID) for its name and footer. Add one in Reference Data, then reprocess the "
    "request.",
)
UNUSABLE_CONFIGURATION = Failure(
    FailureCategory.ENRICHMENT,
    "CONFIGURATION_UNUSABLE",
    f"The BATCH_CONFIG_ID of this document's configuration is longer than {MAX_CONFIG_ID} "
    "characters. Correct it in Reference Data, then reprocess the request.",
)


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What the configuration adds to a request."""

    topic: str | None
    batch_config_id: str
    """Empty where there is none."""
    properties: tuple[tuple[str, str], ...]

    @property
    def failure(self) -> Failure | None:
        """Why a request with this configuration cannot be submitted, or None."""
        if not self.batch_config_id:
            return NO_CONFIGURATION
        if len(self.batch_config_id) > MAX_CONFIG_ID:
            return UNUSABLE_CONFIGURATION
        return None


def footer_of(metadata: Mapping[str, str]) -> str:
    """Return the footer that a request asks for, else the default one."""
    return metadata.get(FOOTER_ID, DEFAULT_FOOTER)


def enrich(
    document_name: str, footer: str, rows: Iterable[ConfigurationRow], day: date
) -> Enrichment:
    """Choose the value of each code.

    Per code: the exact document name, then the longest prefix, then `*`; within that the
    request's footer before the default one; two rows still equal: the later start, then the
    higher id.
    """
    best: dict[str, tuple[tuple[object, ...], str]] = {}
    for row in rows:
        if not row.effective_from <= day <= row.effective_to:
            continue
        if row.footer not in (footer, DEFAULT_FOOTER):
            continue
        prefix = row.document.removesuffix("*")
        if not document_name.startswith(prefix):
            continue
        rank = (
            row.document == document_name,
            len(prefix),
            row.footer == footer,
            row.effective_from,
            # Ids are numbers as a rule: 10 is higher than 9. Other texts compare as texts.
            (int(row.row_id), "") if row.row_id.isdecimal() else (-1, row.row_id),
        )
        if row.code not in best or rank > best[row.code][0]:
            best[row.code] = (rank, row.value)
    values = {code: value for code, (_, value) in best.items()}
    batch_config_id = values.pop(BATCH_CONFIG_ID, "")
    topic = values.pop(TOPIC_NAME, None)
    return Enrichment(topic, batch_config_id, tuple(sorted(values.items())))
