"""The settings of the functions under test: the sample file's, at this run's addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.functions.worker import ROOT

NOBODY = "127.0.0.1:9"
"""An address at which nothing listens, for what a test does not use."""


def sample() -> dict[str, str]:
    """Return what `local.settings.sample.json` sets."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_bytes())[
        "Values"
    ]
    return values


def settings(
    database: Path,
    *,
    reference_data: str = f"http://{NOBODY}",
    thunderhead: str = f"http://{NOBODY}",
    kafka: str = NOBODY,
    **changes: Any,
) -> dict[str, str]:
    """Return the sample's settings with other addresses, and with patience for a test."""
    return {
        **sample(),
        "OMS_DATABASE_URL": f"sqlite:///{database}",
        "OMS_REFERENCE_DATA_BASE_URL": reference_data,
        "OMS_THUNDERHEAD_BASE_URL": f"{thunderhead}/thunderhead/v1",
        "OMS_THUNDERHEAD_TOKEN_URL": f"{thunderhead}/oauth2/token",
        "OMS_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "OMS_POLL_MIN_SECONDS": "0.05",
        "OMS_POLL_MAX_SECONDS": "0.05",
        # A run that should go round in circles ends within the patience of a test.
        "OMS_RUN_BUDGET_SECONDS": "20",
        **{f"OMS_{name.upper()}": str(value) for name, value in changes.items()},
    }


def invoice(correlation_id: str, **changes: Any) -> dict[str, Any]:
    """Build the body of a request for an invoice that Thunderhead can generate."""
    return {
        "sourceSystem": "ARCADE",
        "requestCorrelationId": correlation_id,
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "metadata": {"INVOICE_ID": correlation_id, "FOOTER_ID": "2"},
        "content": {"Document": {"InvoiceNumber": "490634", "TotalAmount": 10.5}},
        **changes,
    }
