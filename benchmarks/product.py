"""The product as the benchmarks use it: settings, and invoices to take in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.composition import System
from shared.domain.models import NewRequest
from shared.jobs.intake import Stored
from shared.settings import Settings
from shared.web.bodies import read_document_request
from tests.unit.jobs.fakes import arrivals

NOBODY = "127.0.0.1:9"
"""Where nothing listens: what a benchmark does not use."""
PER_CALL = 500
"""Requests in one call of the API: as many as it takes."""


def settings(folder: Path, **others: Any) -> Settings:
    """Return settings with a SQLite file in a folder, and peers as far as they are named."""
    values: dict[str, Any] = {
        "environment": "local",
        "database_url": f"sqlite:///{folder}/oms.db",
        "reference_data_base_url": f"http://{NOBODY}",
        "thunderhead_base_url": f"http://{NOBODY}",
        "thunderhead_auth": "none",
        "kafka_bootstrap_servers": NOBODY,
        "kafka_security": "plaintext",
        "api_auth": "none",
    }
    return Settings(**values | others)


def invoice(number: int) -> NewRequest:
    return read_document_request(
        {
            "sourceSystem": "ARCADE",
            "requestCorrelationId": f"REQ-{number}",
            "documentType": "INVOICE",
            "documentName": "IVZRECPA",
            "language": "EN",
            "metadata": {"INVOICE_ID": str(number), "FOOTER_ID": "2"},
            "content": {"Document": {"InvoiceNumber": str(number), "Name": "Example"}},
        }
    )


def submit(
    system: System, numbers: range, make: Callable[[int], NewRequest] = invoice
) -> list[str]:
    """Take in what `make` makes of numbers; returns the request ids."""
    request_ids: list[str] = []
    for start in range(0, len(numbers), PER_CALL):
        some = [make(number) for number in numbers[start : start + PER_CALL]]
        answers = system.intake.submit(arrivals(some))
        for answer in answers:
            assert isinstance(answer, Stored)
            request_ids.append(str(answer.request.request_id))
    return request_ids
