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
class Produce:
    """Publishing a set of events; `sent`: they are enqueued, `after`: acknowledged."""

    moment: Moment


@dataclass(frozen=True)
class Failpoint:
    """A point, and the part that is killed there."""

    part: Literal["serve", "process", "monitor", "operations"]
    at: Commit | HttpCall | Produce
    scene: str = "normal"
    """What makes the part come by: see `tests.crash.test_matrix`."""


def _commit(*patterns: str) -> dict[Moment, Commit]:
    return {moment: Commit(patterns, moment) for moment in ("before", "after")}


def _call(method: str, path: str) -> dict[Moment, HttpCall]:
    return {moment: HttpCall(method, path, moment) for moment in ("before", "sent", "after")}


_INTAKE = _commit("INSERT INTO document_requests")
_CLAIM = _commit(r"UPDATE document_requests SET .*IN \(SELECT")
_INTENT = _commit("INSERT INTO batches", "UPDATE document_requests SET .*batch_id")
_SUBMITTED = _commit("UPDATE batches SET .*thunderhead_batch_id", "INSERT INTO status_history")
_RECOVERY = _commit(r"UPDATE batches SET .*state = 'SUBMITTING'")
_RESEND = _commit("UPDATE batches SET .*last_send_at")
_DISSOLVED = _commit("INSERT INTO batches", "UPDATE batches SET")
_SETTLED = _commit("UPDATE batches SET .*settled_at", "INSERT INTO outbox")
_EVENTS = _commit(r"UPDATE outbox SET .*IN \(SELECT")
_MARKED = _commit("UPDATE outbox SET .*published_at")
_PURGED = _commit("DELETE FROM request_contents")
_HEARTBEAT = _commit("job_runs")
_CANCELLED = _commit("UPDATE document_requests SET .*failure_category", "INSERT INTO outbox")
_REPROCESSED = _commit("UPDATE document_requests SET .*generation")
_DECIDED = _commit("UPDATE batches SET", "UPDATE document_requests SET")
_CONFIGURATION = _call("GET", "/document-configurations/search")
_SUBMIT = _call("POST", "/batches$")
_LOOK_UP = _call("GET", r"/batches\?clientReference=")
_POLL = _call("GET", r"/batches/\w+$")
_DOCUMENTS = _call("GET", r"/batches/\w+/documents")
_CANCEL = _call("POST", r"/batches/\w+/cancel")

FAILPOINTS: dict[str, Failpoint] = {
    "intake: before the commit": Failpoint("serve", _INTAKE["before"]),
    "intake: after the commit, before the 202": Failpoint("serve", _INTAKE["after"]),
    "processing: before the commit of a claim": Failpoint("process", _CLAIM["before"]),
    "processing: after the commit of a claim": Failpoint("process", _CLAIM["after"]),
    "processing: while reference data answers": Failpoint("process", _CONFIGURATION["sent"]),
    "processing: before the commit of the intents": Failpoint("process", _INTENT["before"]),
    "processing: after the commit of the intents": Failpoint("process", _INTENT["after"]),
    "processing: before a send": Failpoint("process", _SUBMIT["before"]),
    "processing: a send has left": Failpoint("process", _SUBMIT["sent"]),
    "processing: after the answer to a send": Failpoint("process", _SUBMIT["after"]),
    "processing: before the commit of a submission": Failpoint("process", _SUBMITTED["before"]),
    "processing: after the commit of a submission": Failpoint("process", _SUBMITTED["after"]),
    "recovery: after the claim of an intent": Failpoint("process", _RECOVERY["after"], "lost"),
    "recovery: while a look-up is answered": Failpoint("process", _LOOK_UP["sent"], "accepted"),
    "recovery: after a look-up": Failpoint("process", _LOOK_UP["after"], "accepted"),
    "recovery: after the documents were compared": Failpoint(
        "process", _DOCUMENTS["after"], "accepted"
    ),
    "recovery: before the commit of a resend": Failpoint("process", _RESEND["before"], "lost"),
    "recovery: after the commit of a resend": Failpoint("process", _RESEND["after"], "lost"),
    "splitting: before the commit of the halves": Failpoint(
        "process", _DISSOLVED["before"], "rejected"
    ),
    "splitting: after the commit of the halves": Failpoint(
        "process", _DISSOLVED["after"], "rejected"
    ),
    "monitoring: while a poll is answered": Failpoint("monitor", _POLL["sent"], "submitted"),
    "monitoring: after the documents were read": Failpoint(
        "monitor", _DOCUMENTS["after"], "submitted"
    ),
    "monitoring: before the commit of a settlement": Failpoint(
        "monitor", _SETTLED["before"], "submitted"
    ),
    "monitoring: after the commit of a settlement": Failpoint(
        "monitor", _SETTLED["after"], "submitted"
    ),
    "monitoring: after the cancellation of an overdue batch": Failpoint(
        "monitor", _CANCEL["after"], "overdue"
    ),
    "publishing: after the commit of a claim": Failpoint("monitor", _EVENTS["after"], "settled"),
    "publishing: before the produce": Failpoint("monitor", Produce("before"), "settled"),
    "publishing: after the produce, before the flush": Failpoint(
        "monitor", Produce("sent"), "settled"
    ),
    "publishing: after the acknowledgement": Failpoint("monitor", Produce("after"), "settled"),
    "publishing: before the commit of the mark": Failpoint("monitor", _MARKED["before"], "settled"),
    "publishing: after the commit of the mark": Failpoint("monitor", _MARKED["after"], "settled"),
    "retention: before the commit": Failpoint("monitor", _PURGED["before"], "ended"),
    "a run: before the commit of its heartbeat": Failpoint("process", _HEARTBEAT["before"]),
    "operations: before the commit of a cancellation": Failpoint(
        "operations", _CANCELLED["before"], "cancel"
    ),
    "operations: after the commit of a cancellation": Failpoint(
        "operations", _CANCELLED["after"], "cancel"
    ),
    "operations: before the commit of a reprocessing": Failpoint(
        "operations", _REPROCESSED["before"], "reprocess"
    ),
    "operations: after the commit of a reprocessing": Failpoint(
        "operations", _REPROCESSED["after"], "reprocess"
    ),
    "operations: before the commit of an adoption": Failpoint(
        "operations", _DECIDED["before"], "adopt"
    ),
    "operations: after the commit of an adoption": Failpoint(
        "operations", _DECIDED["after"], "adopt"
    ),
}
