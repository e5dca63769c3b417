"""Where a process may die: before and after each side effect of each part, by name.

Nothing of this is in the product: `tests.crash.child` hooks the libraries underneath.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Moment = Literal["before", "sent", "after"]
"""`sent`: a call has left, and its answer has not been read."""


@dataclass(frozen=True)
class Commit:
    """A transaction that sent statements which match all of these patterns."""

    patterns: tuple[str, ...]
    moment: Moment


@dataclass(frozen=True)
class HttpCall:
    """An outbound call."""

    method: str
    path: str
    """Pattern of the path, query included."""
    moment: Moment


@dataclass(frozen=True)
class Answer:
    """The API has sent a 202, and has done nothing since."""


@dataclass(frozen=True)
class Produce:
    """Publishing a set of events; `sent`: they are enqueued, `after`: acknowledged."""

    moment: Moment


@dataclass(frozen=True)
class Failpoint:
    """A point, and the part that is killed there."""

    part: Literal["serve", "process", "monitor", "operations"]
    at: Commit | HttpCall | Produce | Answer
    leaves: str
    """What is there after the death, and proves its place (see `left_behind`): without it, a
    pattern that fits another statement too would kill somewhere else, and every test pass."""
    scene: str = "normal"
    """What makes the part come by: see `tests.crash.test_matrix`."""


def _commit(*patterns: str) -> dict[Moment, Commit]:
    return {moment: Commit(patterns, moment) for moment in ("before", "after")}


def _call(method: str, path: str) -> dict[Moment, HttpCall]:
    return {moment: HttpCall(method, path, moment) for moment in ("before", "sent", "after")}


def _sets(table: str, *columns: str) -> str:
    """Match an UPDATE that sets these columns, in this order; a RETURNING may name them too."""
    return f"UPDATE {table} SET " + "".join(rf".*\b{column}=" for column in columns)


def _claims(table: str, state: str) -> str:
    """Match the one statement that takes due rows: it alone has the state as a literal."""
    return rf"UPDATE {table} SET .* = '{state}'"


_INTAKE = _commit("INSERT INTO document_requests")
_CLAIM = _commit(_claims("document_requests", "RECEIVED"))
_TAKE_OVER = _commit(_claims("document_requests", "PROCESSING"))
_FAILED = _commit(_sets("document_requests", "failure_category"), "INSERT INTO outbox")
_INTENT = _commit("INSERT INTO batches", _sets("document_requests", "batch_id"))
_SUBMITTED = _commit(_sets("batches", "thunderhead_batch_id"), "INSERT INTO status_history")
_DOUBT = _commit(_sets("batches", "unknown_since", "failures"))
_RECOVERY = _commit(_claims("batches", "SUBMITTING"))
_RESEND = _commit(_sets("batches", "last_send_at"))
_DISSOLVED = _commit("INSERT INTO batches", "UPDATE batches SET")
_POLLING = _commit(_claims("batches", "SUBMITTED"))
_SETTLED = _commit(_sets("batches", "settled_at"), "INSERT INTO outbox")
_EVENTS = _commit(_claims("outbox", "PENDING"))
_MARKED = _commit(_sets("outbox", "published_at"))
_PURGED = _commit("DELETE FROM request_contents")
_HEARTBEAT = _commit("job_runs")
_REPROCESSED = _commit(_sets("document_requests", "generation"))
_DECIDED = _commit("UPDATE batches SET", "UPDATE document_requests SET")
_CODES = _call("GET", "/reference-data/type/")
_CONFIGURATION = _call("GET", "/document-configurations/search")
_SUBMIT = _call("POST", "/batches$")
_LOOK_UP = _call("GET", r"/batches\?clientReference=")
_POLL = _call("GET", r"/batches/\w+$")
_DOCUMENTS = _call("GET", r"/batches/\w+/documents")
_CANCEL = _call("POST", r"/batches/\w+/cancel")

_NEW = "RECEIVED requests"
_OURS = "leased PROCESSING requests"
_INTENDED = "leased SUBMITTING batches"
_POLLED = "leased SUBMITTED batches"
_QUEUED = "leased PENDING events"

FAILPOINTS: dict[str, Failpoint] = {
    "intake: while reference data answers": Failpoint("serve", _CODES["sent"], "nothing"),
    "intake: before the commit": Failpoint("serve", _INTAKE["before"], "nothing"),
    "intake: after the commit, before the 202": Failpoint("serve", _INTAKE["after"], _NEW),
    "intake: after the 202": Failpoint("serve", Answer(), _NEW),
    "processing: before the commit of a claim": Failpoint("process", _CLAIM["before"], _NEW),
    "processing: after the commit of a claim": Failpoint("process", _CLAIM["after"], _OURS),
    "processing: after the take-over of a dead run's claim": Failpoint(
        "process", _TAKE_OVER["after"], _OURS, "claimed"
    ),
    "processing: while reference data answers": Failpoint("process", _CONFIGURATION["sent"], _OURS),
    "processing: before the commit of failures": Failpoint(
        "process", _FAILED["before"], _OURS, "unconfigured"
    ),
    "processing: after the commit of failures": Failpoint(
        "process", _FAILED["after"], "PENDING events", "unconfigured"
    ),
    "processing: before the commit of the intents": Failpoint("process", _INTENT["before"], _OURS),
    "processing: after the commit of the intents": Failpoint(
        "process", _INTENT["after"], _INTENDED
    ),
    "processing: before a send": Failpoint("process", _SUBMIT["before"], _INTENDED),
    "processing: a send has left": Failpoint("process", _SUBMIT["sent"], "accepted documents"),
    "processing: after the answer to a send": Failpoint(
        "process", _SUBMIT["after"], "accepted documents"
    ),
    "processing: before the commit of a submission": Failpoint(
        "process", _SUBMITTED["before"], _INTENDED
    ),
    "processing: after the commit of a submission": Failpoint(
        "process", _SUBMITTED["after"], "SUBMITTED batches"
    ),
    "recovery: before the commit of a doubt": Failpoint(
        "process", _DOUBT["before"], _INTENDED, "unanswered"
    ),
    "recovery: after the commit of a doubt": Failpoint(
        "process", _DOUBT["after"], "SUBMITTING batches", "unanswered"
    ),
    "recovery: after the claim of an intent": Failpoint(
        "process", _RECOVERY["after"], _INTENDED, "lost"
    ),
    "recovery: while a look-up is answered": Failpoint(
        "process", _LOOK_UP["sent"], _INTENDED, "accepted"
    ),
    "recovery: after a look-up": Failpoint("process", _LOOK_UP["after"], _INTENDED, "accepted"),
    "recovery: after the documents were compared": Failpoint(
        "process", _DOCUMENTS["after"], _INTENDED, "accepted"
    ),
    "recovery: before the commit of a resend": Failpoint(
        "process", _RESEND["before"], _INTENDED, "lost"
    ),
    "recovery: after the commit of a resend": Failpoint(
        "process", _RESEND["after"], "batches sent again", "lost"
    ),
    "recovery: a second send has left": Failpoint(
        "process", _SUBMIT["sent"], "accepted documents", "lost"
    ),
    "splitting: before the commit of the halves": Failpoint(
        "process", _DISSOLVED["before"], _INTENDED, "rejected"
    ),
    "splitting: after the commit of the halves": Failpoint(
        "process", _DISSOLVED["after"], "DISSOLVED batches", "rejected"
    ),
    "monitoring: after the commit of a claim": Failpoint(
        "monitor", _POLLING["after"], _POLLED, "submitted"
    ),
    "monitoring: while a poll is answered": Failpoint(
        "monitor", _POLL["sent"], _POLLED, "submitted"
    ),
    "monitoring: after the documents were read": Failpoint(
        "monitor", _DOCUMENTS["after"], _POLLED, "submitted"
    ),
    "monitoring: before the commit of a settlement": Failpoint(
        "monitor", _SETTLED["before"], _POLLED, "submitted"
    ),
    "monitoring: after the commit of a settlement": Failpoint(
        "monitor", _SETTLED["after"], "SETTLED batches", "submitted"
    ),
    "monitoring: before the cancellation of an overdue batch": Failpoint(
        "monitor", _CANCEL["before"], _POLLED, "overdue"
    ),
    "monitoring: while a cancellation is answered": Failpoint(
        "monitor", _CANCEL["sent"], "cancelled documents", "overdue"
    ),
    "monitoring: after the cancellation of an overdue batch": Failpoint(
        "monitor", _CANCEL["after"], "cancelled documents", "overdue"
    ),
    "publishing: before the commit of a claim": Failpoint(
        "monitor", _EVENTS["before"], "PENDING events", "unpublished"
    ),
    "publishing: after the commit of a claim": Failpoint(
        "monitor", _EVENTS["after"], _QUEUED, "unpublished"
    ),
    "publishing: before the produce": Failpoint(
        "monitor", Produce("before"), _QUEUED, "unpublished"
    ),
    "publishing: after the produce, before the flush": Failpoint(
        "monitor", Produce("sent"), _QUEUED, "unpublished"
    ),
    "publishing: after the acknowledgement": Failpoint(
        "monitor", Produce("after"), _QUEUED, "unpublished"
    ),
    "publishing: before the commit of the mark": Failpoint(
        "monitor", _MARKED["before"], _QUEUED, "unpublished"
    ),
    "publishing: after the commit of the mark": Failpoint(
        "monitor", _MARKED["after"], "PUBLISHED events", "unpublished"
    ),
    "retention: before the commit": Failpoint(
        "monitor", _PURGED["before"], "PUBLISHED events", "ended"
    ),
    "retention: after the commit": Failpoint(
        "monitor", _PURGED["after"], "purged requests", "ended"
    ),
    "a run: before the commit of its heartbeat": Failpoint(
        "process", _HEARTBEAT["before"], "SUBMITTED batches"
    ),
    "a run: after the commit of its heartbeat": Failpoint(
        "process", _HEARTBEAT["after"], "heartbeats"
    ),
    "operations: before the commit of a cancellation": Failpoint(
        "operations", _FAILED["before"], _NEW, "cancel"
    ),
    "operations: after the commit of a cancellation": Failpoint(
        "operations", _FAILED["after"], "FAILED requests", "cancel"
    ),
    "operations: before the commit of a reprocessing": Failpoint(
        "operations", _REPROCESSED["before"], "FAILED requests", "reprocess"
    ),
    "operations: after the commit of a reprocessing": Failpoint(
        "operations", _REPROCESSED["after"], _NEW, "reprocess"
    ),
    "operations: before the commit of an adoption": Failpoint(
        "operations", _DECIDED["before"], "HELD batches", "adopt"
    ),
    "operations: after the commit of an adoption": Failpoint(
        "operations", _DECIDED["after"], "SUBMITTED batches", "adopt"
    ),
    "operations: before the commit of an order to resend": Failpoint(
        "operations", _DECIDED["before"], "HELD batches", "resend"
    ),
    "operations: after the commit of an order to resend": Failpoint(
        "operations", _DECIDED["after"], "SUBMITTING batches", "resend"
    ),
    "operations: before the commit of a delivery": Failpoint(
        "operations", _DECIDED["before"], "HELD batches", "delivered"
    ),
    "operations: after the commit of a delivery": Failpoint(
        "operations", _DECIDED["after"], "COMPLETED requests", "delivered"
    ),
    "operations: before the commit of an abandonment": Failpoint(
        "operations", _DECIDED["before"], "HELD batches", "abandon"
    ),
    "operations: after the commit of an abandonment": Failpoint(
        "operations", _DECIDED["after"], "FAILED requests", "abandon"
    ),
}
