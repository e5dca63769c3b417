"""How documents become batches: the exact bytes of a submission, and its limits."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

MAX_DOCUMENTS = 500
MAX_BYTES = 10_000_000
"""Thunderhead's limits of one call (contracts, section 3)."""


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What all documents of one batch have in common."""

    batch_config_id: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """One document of a payload, as it is written there."""

    request_id: UUID
    text: str

    @classmethod
    def of(cls, request_id: UUID, transaction_data: bytes) -> RenderedDocument:
        """Encode a request's transaction data as Thunderhead takes it."""
        encoded = base64.b64encode(transaction_data).decode("ascii")
        return cls(
            request_id,
            f'{{"documentReference":"{request_id}","transactionData":"{encoded}"}}',
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything of a payload but its documents."""

    client_reference: str
    batch_name: str
    batch_config_id: str
    project_id: str | None
    transaction_data_type: str
    properties: tuple[tuple[str, str], ...]


def payload(envelope: Envelope, documents: Iterable[RenderedDocument]) -> bytes:
    """Write the body of a submission. The same arguments give the same bytes."""
    head = json.dumps(
        {
            "clientReference": envelope.client_reference,
            "batchName": envelope.batch_name,
            "batchConfigResId": envelope.batch_config_id,
            "projectId": envelope.project_id,
            "transactionDataType": envelope.transaction_data_type,
            "properties": [{"name": name, "value": value} for name, value in envelope.properties],
        },
        separators=(",", ":"),
    )
    body = ",".join(document.text for document in documents)
    return f'{head[:-1]},"documents":[{body}]}}'.encode("ascii")


def digest(body: bytes) -> str:
    """Return the SHA-256 by which a payload is known to be the one that was intended."""
    return hashlib.sha256(body).hexdigest()


def capacity(envelope: Envelope) -> int:
    """Return how many bytes of documents fit into a payload, commas included.

    The same for every batch of a configuration: client references are all of one length.
    """
    return MAX_BYTES - len(payload(envelope, []))


def chunk(
    documents: Iterable[RenderedDocument], max_documents: int, max_bytes: int
) -> Iterator[list[RenderedDocument]]:
    """Cut documents into batches within limits of count and bytes, order kept.

    Every document must fit alone.
    """
    current: list[RenderedDocument] = []
    size = 0
    for document in documents:
        if current and (
            len(current) >= min(max_documents, MAX_DOCUMENTS)
            or size + len(document.text) + 1 > max_bytes
        ):
            yield current
            current, size = [], 0
        size += len(document.text) + (1 if current else 0)
        current.append(document)
    if current:
        yield current
