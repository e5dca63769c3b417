"""A Thunderhead that keeps a ledger: what it accepted, and what it made of it.

Written from the contracts (section 3), not from our code: whatever the answers were, the ledger
tells what really happened to each document.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.models import Output
from shared.domain.thunderhead import (
    Accepted,
    BatchReport,
    CallFailed,
    Cancellation,
    DocumentProblem,
    DocumentReport,
    Documents,
    DocumentStatus,
    Duplicate,
    Forbidden,
    Found,
    Lookup,
    NotFound,
    NotSent,
    NotVisible,
    Poll,
    Rejected,
    Submission,
    Throttled,
    TooLarge,
    Unexpected,
    Unknown,
)
from shared.domain.timing import Clock
from shared.jobs.ports import Thunderhead

PENDING, COMPLETED, FAILED, STOPPED = DocumentStatus
RETRY_AFTER = 40.0

SILENT_BEFORE, SILENT_AFTER = "silent before", "silent after"
NOT_RECEIVED = {
    SILENT_BEFORE: Unknown("time-out"),
    "unavailable": Unknown("503", RETRY_AFTER),
    "throttled": Throttled(RETRY_AFTER),
    "no connection": NotSent("connection refused"),
    "forbidden": Forbidden("403"),
    "odd before": Unexpected("409"),
}
"""Answers to a submission that Thunderhead never took in."""
RECEIVED = {
    SILENT_AFTER: Unknown("reset"),
    "odd after": Unexpected("302"),
}
"""Answers that hide what Thunderhead did with a submission."""
ACCEPTED, SMALL_ONLY = "accepted", "small only"
SUBMISSIONS = [ACCEPTED, SMALL_ONLY, *NOT_RECEIVED, *RECEIVED]

FAILS, THROTTLES = CallFailed("500"), CallFailed("429", RETRY_AFTER, refused=True)
READS: dict[str, dict[str, CallFailed]] = {
    "fine": {},
    "failing": dict.fromkeys(("find", "poll", "documents"), FAILS),
    "throttled": dict.fromkeys(("find", "poll", "documents"), THROTTLES),
    "documents failing": {"documents": FAILS},
    "documents throttled": {"documents": THROTTLES},
}
"""Ways to read: which calls fail, and how. The first is the usual one."""

ENDED = {
    "well": ("COMPLETED", [COMPLETED]),
    "mixed": ("COMPLETED_WITH_ERRORS", [FAILED, COMPLETED]),
    "badly": ("FAILED", [COMPLETED, FAILED]),
    "stopped": ("STOPPED", [STOPPED]),
    "in part": ("RUNNING", [COMPLETED, PENDING]),
    "lagging": ("FINISHED", [PENDING]),
    "without a word": ("ERRORED", [PENDING]),
    "oddly": ("ARCHIVING", [PENDING]),
}
"""Ways in which a batch goes on: its status, and those of its documents, in turn."""
LOST = "LOST"
WILL_NOT_GENERATE = {"FAILED", "ERRORED", "STOPPED", "CANCELLED", LOST}
"""Whatever is PENDING in such a batch will never be generated."""


@dataclass
class VendorBatch:
    vendor_id: str
    reference: str
    visible_at: datetime
    documents: dict[str, DocumentStatus]
    status: str = "QUEUED"

    @property
    def is_under_way(self) -> bool:
        return PENDING in self.documents.values() and self.status not in WILL_NOT_GENERATE

    def alive(self) -> Iterable[str]:
        """Documents that are generated, or may yet be."""
        for reference, status in self.documents.items():
            if status is COMPLETED or (status is PENDING and self.is_under_way):
                yield reference


@dataclass
class LedgerThunderhead(Thunderhead):
    """Answers as it is told, and does what it says in its ledger."""

    clock: Clock
    reference_unique: bool = True
    lookup_supported: bool = True
    answers: list[str] = field(default_factory=list)
    """To the next submissions; then they are accepted."""
    reads: str = "fine"
    cancels: str = "stops"
    """Or `stops slowly`, `refused`, `failing`."""
    delay_seconds: float = 0.0
    """Until an accepted batch can be found."""
    batches: list[VendorBatch] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    asked_for_quiet: tuple[datetime, datetime] | None = None
    """When somebody was asked to wait, and until when."""

    # --- the port ---------------------------------------------------------------------------

    def submit(self, payload: bytes, traceparent: str) -> Submission:
        self._called("submit")
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        if answer in NOT_RECEIVED:
            self._ask_for_quiet(NOT_RECEIVED[answer])
            return NOT_RECEIVED[answer]
        body = json.loads(payload)
        if answer == SMALL_ONLY and len(body["documents"]) > 1:
            return TooLarge()
        result = self._receive(body)
        return RECEIVED.get(answer, result)

    def find(self, client_reference: str, traceparent: str) -> Lookup:
        assert self.lookup_supported
        self._called("find")
        if failure := self._failure("find"):
            return failure
        for batch in self.batches:
            if batch.reference == client_reference and self.is_visible(batch):
                return Found(batch.vendor_id)
        return NotFound()

    def poll(self, thunderhead_batch_id: str, traceparent: str) -> Poll:
        self._called("poll")
        if failure := self._failure("poll"):
            return failure
        batch = self._visible(thunderhead_batch_id)
        if batch is None:
            return NotVisible()
        return BatchReport(batch.status, client_reference=batch.reference)

    def documents(self, thunderhead_batch_id: str, traceparent: str) -> Documents:
        self._called("documents")
        batch = self._visible(thunderhead_batch_id)
        if failure := self._failure("documents"):
            return failure
        if batch is None:
            return CallFailed("404")
        return {
            reference: DocumentReport(
                reference, status, (Output("PRINT"),) if status is COMPLETED else ()
            )
            for reference, status in batch.documents.items()
        }

    def cancel(self, thunderhead_batch_id: str, traceparent: str) -> Cancellation:
        self._called("cancel")
        batch = self._visible(thunderhead_batch_id)
        if self.cancels == "failing" or batch is None:
            return Cancellation.FAILED
        if self.cancels == "refused":
            return Cancellation.REFUSED
        if self.cancels == "stops slowly" and batch.is_under_way:
            batch.status = "STOPPING"
        elif batch.is_under_way:
            self._set(batch, "CANCELLED", [STOPPED])
        return Cancellation.ACCEPTED

    # --- what it does ------------------------------------------------------------------------

    def go_on(self, batch: VendorBatch, how: str) -> None:
        """Take a batch under way some steps further."""
        status, outcomes = ENDED[how]
        self._set(batch, status, outcomes)

    def lose(self, batch: VendorBatch) -> None:
        """Forget a batch of which nothing was generated."""
        assert COMPLETED not in batch.documents.values()
        batch.status = LOST

    # --- what has happened -------------------------------------------------------------------

    def alive(self, request_id: object) -> int:
        """Count how often a document was generated, or may yet be."""
        return sum(str(request_id) in batch.alive() for batch in self.batches)

    def carriers(self, request_id: object) -> list[VendorBatch]:
        """Return the accepted batches that hold a document."""
        return [batch for batch in self.batches if str(request_id) in batch.documents]

    def of_reference(self, reference: object) -> VendorBatch | None:
        """Return a batch that was accepted under a reference and is not lost."""
        known = (one for one in self.batches if one.status != LOST)
        return next((one for one in known if one.reference == str(reference)), None)

    # -----------------------------------------------------------------------------------------

    def _receive(self, body: Any) -> Submission:
        reference = body["clientReference"]
        existing = self.of_reference(reference)
        if existing and self.reference_unique:
            return Duplicate(existing.vendor_id)
        kinds = {
            document["documentReference"]: _kind(document["transactionData"])
            for document in body["documents"]
        }
        named = [one for one, kind in kinds.items() if kind == "rejected by name"]
        if named:
            return Rejected(tuple(DocumentProblem(one, "SCHEMA", "bad") for one in named))
        if "rejected" in kinds.values():
            return Rejected((DocumentProblem(None, "SCHEMA", "one of them is bad"),))
        visible_at = self.clock() + timedelta(seconds=self.delay_seconds)
        batch = VendorBatch(
            str(len(self.batches) + 1), reference, visible_at, dict.fromkeys(kinds, PENDING)
        )
        self.batches.append(batch)
        return Accepted(batch.vendor_id)

    def _set(self, batch: VendorBatch, status: str, outcomes: list[DocumentStatus]) -> None:
        batch.status = status
        pending = [one for one, found in batch.documents.items() if found is PENDING]
        for index, reference in enumerate(pending):
            batch.documents[reference] = outcomes[index % len(outcomes)]

    def is_visible(self, batch: VendorBatch) -> bool:
        return batch.status != LOST and batch.visible_at <= self.clock()

    def _visible(self, vendor_id: str) -> VendorBatch | None:
        known = (one for one in self.batches if self.is_visible(one))
        return next((one for one in known if one.vendor_id == vendor_id), None)

    def _failure(self, call: str) -> CallFailed | None:
        failure = READS[self.reads].get(call)
        self._ask_for_quiet(failure)
        return failure

    def _ask_for_quiet(self, answer: object) -> None:
        seconds = getattr(answer, "retry_after", None)
        if seconds:
            self.asked_for_quiet = self.clock(), self.clock() + timedelta(seconds=seconds)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.asked_for_quiet:
            since, until = self.asked_for_quiet
            # Calls that were under way together know nothing of each other's answers.
            now = self.clock()
            assert now == since or now >= until, f"{name} although asked to wait until {until}"


def _kind(transaction_data: str) -> str:
    _, _, rest = base64.b64decode(transaction_data).decode().partition("<kind>")
    return rest.partition("</kind>")[0]
