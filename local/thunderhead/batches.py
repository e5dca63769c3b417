"""One accepted batch: its timeline, and what the API says of it at a given moment.

Nothing changes a batch but a cancellation. Everything else follows from the moment of asking:

    accepted ── QUEUED ── started ── RUNNING ── finished ── COMPLETED | COMPLETED_WITH_ERRORS
                                │                           | FAILED | STOPPED
                                └── cancelled ── STOPPING ── CANCELLED

While a batch is RUNNING its documents are generated one after the other, evenly over the time.
"""

from dataclasses import dataclass
from typing import Any

from local.clock import timestamp
from local.thunderhead.configurations import BatchConfiguration
from local.thunderhead.submissions import BatchDocument

TERMINAL = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "STOPPED", "CANCELLED"})

_STATUS_TEXTS = {
    "QUEUED": "Waiting for a generation engine",
    "RUNNING": "Generating documents",
    "STOPPING": "Stopping on request",
    "CANCELLED": "Cancelled on request",
    "STOPPED": "Stopped by an operator",
    "COMPLETED": "All documents generated",
    "COMPLETED_WITH_ERRORS": "Some documents could not be generated",
    "FAILED": "No document could be generated",
}


@dataclass(slots=True)
class Batch:
    """A batch from its acceptance on."""

    batch_id: str
    batch_name: str
    client_reference: str
    digest: str
    configuration: BatchConfiguration
    documents: tuple[BatchDocument, ...]
    accepted_at: float
    visible_at: float
    """From when on the API shows it."""
    started_at: float
    finished_at: float
    stops_halfway: bool
    """Whether the batch ends STOPPED, with the second half of its documents not generated."""
    stopping_seconds: float
    cancelled_at: float | None = None

    def cancel(self, now: float, *, is_effective: bool) -> bool:
        """Stop the batch (or only say so); false where it has already ended."""
        if self.status(now) in TERMINAL:
            return False
        if is_effective and self.cancelled_at is None:
            self.cancelled_at = now
        return True

    def status(self, now: float) -> str:
        """Return the vendor's status at a moment."""
        if self.cancelled_at is not None:
            ended = now >= self.cancelled_at + self.stopping_seconds
            return "CANCELLED" if ended else "STOPPING"
        if now < self.started_at:
            return "QUEUED"
        if now < self.finished_at:
            return "RUNNING"
        if self.stops_halfway:
            return "STOPPED"
        failing = sum(document.missing_element is not None for document in self.documents)
        if failing == 0:
            return "COMPLETED"
        return "FAILED" if failing == len(self.documents) else "COMPLETED_WITH_ERRORS"

    def document_status(self, index: int, now: float) -> str:
        """Return the status of one document at a moment."""
        if index < self._processed(now):
            return "COMPLETED" if self.documents[index].missing_element is None else "FAILED"
        return "STOPPED" if self.status(now) in TERMINAL else "PENDING"

    def resource(self, now: float) -> dict[str, Any]:
        """Return the batch as `GET /batches/{batchId}` answers it."""
        status = self.status(now)
        ended = status in TERMINAL
        processed = self._processed(now)
        errored = [
            document
            for document in self.documents[:processed]
            if document.missing_element is not None
        ]
        start_time, finish_time = self._times(now)
        return {
            "batchId": self.batch_id,
            "batchName": self.batch_name,
            "clientReference": self.client_reference,
            "status": status,
            "statusText": _STATUS_TEXTS[status],
            "transCount": len(self.documents),
            "transCompleted": processed - len(errored),
            "transErrored": len(errored),
            "transStopped": len(self.documents) - processed if ended else 0,
            "startTime": start_time,
            "finishTime": finish_time,
            "jobMessages": self._messages(status, errored),
        }

    def document_resource(self, index: int, now: float) -> dict[str, Any]:
        """Return one document as `GET /batches/{batchId}/documents` lists it."""
        document = self.documents[index]
        status = self.document_status(index, now)
        return {
            "documentReference": document.reference,
            "status": status,
            "channels": self._channels(index) if status == "COMPLETED" else [],
            "errors": [
                {
                    "code": "TMH-4012",
                    "category": "DATA",
                    "message": _missing(document),
                    "retryable": False,
                }
            ]
            if status == "FAILED"
            else [],
        }

    def generated_references(self, now: float) -> list[str]:
        """Return the references of the documents that have been generated by a moment."""
        return [
            document.reference
            for document in self.documents[: self._processed(now)]
            if document.missing_element is None
        ]

    def _processed(self, now: float) -> int:
        """Count the documents that were generated or have failed by a moment."""
        count = len(self.documents)
        reachable = count // 2 if self.stops_halfway else count
        if self.cancelled_at is not None:
            now = min(now, self.cancelled_at)
        if now >= self.finished_at:
            return reachable
        if now <= self.started_at:
            return 0
        share = (now - self.started_at) / (self.finished_at - self.started_at)
        return min(reachable, int(share * count))

    def _times(self, now: float) -> tuple[str | None, str | None]:
        begun = self.cancelled_at if self.cancelled_at is not None else now
        start = timestamp(self.started_at) if begun >= self.started_at else None
        if self.status(now) not in TERMINAL:
            return start, None
        if self.cancelled_at is not None:
            return start, timestamp(self.cancelled_at + self.stopping_seconds)
        return start, timestamp(self.finished_at)

    def _messages(self, status: str, errored: list[BatchDocument]) -> list[dict[str, str]]:
        messages = [{"msgType": "I", "msgText": _STATUS_TEXTS[status]}]
        if status in ("STOPPED", "CANCELLED"):
            messages = [{"msgType": "W", "msgText": _STATUS_TEXTS[status]}]
        messages += [
            {
                "msgType": "E",
                "msgText": _missing(document),
                "documentReference": document.reference,
            }
            for document in errored
        ]
        return messages

    def _channels(self, index: int) -> list[dict[str, Any]]:
        document = self.documents[index]
        return [
            {
                "channelName": channel.name,
                "mimeType": channel.mime_type,
                "pageCount": document.page_count,
                "documentName": f"{self.configuration.template} {document.reference}",
                "partLocation": f"/output/{self.batch_id}/{index + 1}/{channel.name.lower()}",
            }
            for channel in self.configuration.channels
        ]


def _missing(document: BatchDocument) -> str:
    return f"Mandatory element {document.missing_element} is missing"
