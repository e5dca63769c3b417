"""Validates the body of a submission: the envelope here, the documents against a template."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from local.problems import Refusal
from local.thunderhead.configurations import BatchConfiguration
from local.thunderhead.options import ThunderheadOptions
from local.thunderhead.transactions import (
    JSON,
    XML,
    UnreadableTransaction,
    read_transaction,
)

_TEXTS = ("clientReference", "batchName", "batchConfigResId", "transactionDataType")
_MEMBERS = {*_TEXTS, "projectId", "properties", "documents"}
_BYTES_PER_PAGE = 4000


@dataclass(frozen=True, slots=True)
class Submission:
    """An envelope that is in order; its documents are still encoded."""

    client_reference: str
    batch_name: str
    batch_config_res_id: str
    data_type: str
    encoded_documents: dict[str, str]
    """The transaction data by document reference, in the order of submission."""
    digest: str
    """SHA-256 of the body: equal for identical bytes."""


@dataclass(frozen=True, slots=True)
class BatchDocument:
    """A document of an accepted batch, and what is known of its generation in advance."""

    reference: str
    page_count: int
    missing_element: str | None
    """The mandatory element whose absence will make the document fail."""


def read_submission(body: bytes, options: ThunderheadOptions) -> Submission:
    """Parse and check an envelope."""
    if len(body) > options.max_body_bytes:
        raise Refusal(413, "PAYLOAD_TOO_LARGE", "The body is larger than the platform accepts.")
    try:
        envelope = json.loads(body)
    except ValueError as error:
        raise Refusal(400, "MALFORMED_JSON", "The body is not JSON.") from error
    if not isinstance(envelope, dict):
        raise _refusal([("", "The body must be an object.")])
    faults = list(_faults(envelope))
    if faults:
        raise _refusal(faults)
    documents = envelope["documents"]
    if len(documents) > options.max_documents:
        raise Refusal(413, "TOO_MANY_DOCUMENTS", "The batch holds more documents than accepted.")
    encoded = {entry["documentReference"]: entry["transactionData"] for entry in documents}
    if len(encoded) < len(documents):
        raise _refusal([("documents", "A document reference occurs twice.")])
    return Submission(
        client_reference=envelope["clientReference"],
        batch_name=envelope["batchName"],
        batch_config_res_id=envelope["batchConfigResId"],
        data_type=envelope["transactionDataType"],
        encoded_documents=encoded,
        digest=hashlib.sha256(body).hexdigest(),
    )


def read_documents(
    submission: Submission, configuration: BatchConfiguration, *, name_bad_ones: bool
) -> tuple[BatchDocument, ...]:
    """Read all documents; one that cannot be taken refuses the whole submission."""
    documents: list[BatchDocument] = []
    errors: list[dict[str, str]] = []
    for reference, encoded in submission.encoded_documents.items():
        try:
            transaction = read_transaction(encoded, submission.data_type)
        except UnreadableTransaction as error:
            errors.append(_document_error(reference, str(error), name_bad_ones))
            continue
        lacking = transaction.first_missing(configuration.elements_required_at_submission)
        if lacking is not None:
            message = f"The element {lacking} is required at submission."
            errors.append(_document_error(reference, message, name_bad_ones))
            continue
        documents.append(
            BatchDocument(
                reference=reference,
                page_count=1 + transaction.size // _BYTES_PER_PAGE,
                missing_element=transaction.first_missing(configuration.mandatory_elements),
            )
        )
    if errors:
        raise Refusal(
            422, "INVALID_TRANSACTION_DATA", "The data of a document is not usable.", errors=errors
        )
    return tuple(documents)


def _faults(envelope: dict[str, Any]) -> list[tuple[str, str]]:
    faults = [(name, "The member is unknown.") for name in sorted(envelope.keys() - _MEMBERS)]
    faults += [
        (name, "A text that is not empty is required.")
        for name in _TEXTS
        if not _is_text(envelope.get(name))
    ]
    data_type = envelope.get("transactionDataType")
    if _is_text(data_type) and data_type not in (XML, JSON):
        faults.append(("transactionDataType", f"Either {XML} or {JSON} is required."))
    if not isinstance(envelope.get("projectId"), str | None):
        faults.append(("projectId", "A text or null is required."))
    if not _are_entries(envelope.get("properties", []), "name", "value"):
        faults.append(("properties", "A list of objects with name and value is required."))
    documents = envelope.get("documents")
    if not documents or not _are_entries(documents, "documentReference", "transactionData"):
        faults.append(("documents", "A list of documentReference and transactionData is required."))
    return faults


def _are_entries(value: Any, *members: str) -> bool:
    """Tell whether a value is a list of objects with exactly these members, all texts."""
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and entry.keys() == set(members)
        and all(isinstance(entry[member], str) for member in members)
        for entry in value
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _refusal(faults: list[tuple[str, str]]) -> Refusal:
    return Refusal(
        400,
        "INVALID_ENVELOPE",
        "The submission is not in order.",
        errors=[{"field": field, "message": message} for field, message in faults],
    )


def _document_error(reference: str, message: str, named: bool) -> dict[str, str]:
    error = {"field": "documents", "message": message}
    return {**error, "documentReference": reference} if named else error
