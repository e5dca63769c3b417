"""A Thunderhead simulator under test: its server, its clock, and the calls a client makes."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import requests

from local.clock import ManualClock

INVOICES = "1709524441"
CLAIM_LETTERS = "1709524444"
COMPLETE = "<Document><InvoiceNumber>1</InvoiceNumber><TotalAmount>2.50</TotalAmount></Document>"
WITHOUT_TOTAL = "<Document><InvoiceNumber>1</InvoiceNumber></Document>"
TIMEOUT = 10


def document(reference: str, content: str = COMPLETE) -> dict[str, str]:
    """Build a document whose transaction data is XML."""
    xml = f"<transaction><requestId>{escape(reference)}</requestId>{content}</transaction>"
    return encoded_document(reference, xml.encode())


def encoded_document(reference: str, data: bytes) -> dict[str, str]:
    return {"documentReference": reference, "transactionData": base64.b64encode(data).decode()}


def envelope(documents: Iterable[dict[str, str]], **changes: Any) -> dict[str, Any]:
    """Build a submission as the contract shows it."""
    return {
        "clientReference": "ref-1",
        "batchName": "a batch",
        "batchConfigResId": INVOICES,
        "projectId": None,
        "transactionDataType": "application/xml",
        "properties": [{"name": "SIGNEE_1", "value": "GBMHEN1"}],
        "documents": list(documents),
        **changes,
    }


@dataclass
class Platform:
    url: str
    clock: ManualClock
    base_path: str = "/thunderhead/v1"
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def base(self) -> str:
        return self.url + self.base_path

    def submit(
        self, *documents: dict[str, str], timeout: float = TIMEOUT, **changes: Any
    ) -> requests.Response:
        body = envelope(documents or [document("doc-1")], **changes)
        return self.session.post(f"{self.base}/batches", json=body, timeout=timeout)

    def accepted(self, *documents: dict[str, str], **changes: Any) -> str:
        """Submit and return the id of the batch."""
        response = self.submit(*documents, **changes)
        assert response.status_code == 202, response.text
        batch_id: str = response.json()["batchId"]
        return batch_id

    def get(self, path: str, timeout: float = TIMEOUT, **query: Any) -> requests.Response:
        return self.session.get(f"{self.base}{path}", params=query, timeout=timeout)

    def batch(self, batch_id: str) -> dict[str, Any]:
        response = self.get(f"/batches/{batch_id}")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def documents(self, batch_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/batches/{batch_id}/documents").json()["items"]
        return items

    def lookup(self, reference: str) -> requests.Response:
        return self.get("/batches", clientReference=reference)

    def cancel(self, batch_id: str) -> requests.Response:
        return self.session.post(f"{self.base}/batches/{batch_id}/cancel", timeout=TIMEOUT)

    def arm(self, *faults: dict[str, Any]) -> requests.Response:
        return self.session.post(
            f"{self.url}/_simulator/faults", json=list(faults), timeout=TIMEOUT
        )

    def control(self, name: str) -> dict[str, Any]:
        body: dict[str, Any] = self.session.get(
            f"{self.url}/_simulator/{name}", timeout=TIMEOUT
        ).json()
        return body
