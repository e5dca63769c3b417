"""What an answer to a submission means for the batch (contracts, section 3).

The rule that nothing may break: an intent is dissolved (its documents go on under another
reference) only when its latest send is proven not accepted and no earlier send is in doubt.
Everything else keeps reference, documents and bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.domain.models import Batch, Failure
from shared.domain.statuses import FailureCategory
from shared.domain.thunderhead import (
    Accepted,
    CallFailed,
    DocumentProblem,
    Documents,
    Duplicate,
    Forbidden,
    Found,
    Lookup,
    NotFound,
    NotSent,
    Rejected,
    Submission,
    Throttled,
    TooLarge,
    Unexpected,
    Unknown,
)

# --- decisions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Thunderhead has the batch: SUBMITTED."""

    thunderhead_batch_id: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Proven not accepted: these documents fail, the rest go on in new batches."""

    failures: dict[UUID, Failure]
    remaining: tuple[tuple[UUID, ...], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Proven not accepted for a reason that passes: send the same again later."""

    reason: str
    retry_after: float | None = None
    pauses: bool = True
    """Nobody calls Thunderhead until the wait is over."""
    is_forbidden: bool = False
    """Only submissions are refused: they stop for the rest of the run, polls go on."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may be that Thunderhead has the batch: find out before anything else."""

    reason: str
    retry_after: float | None = None
    is_answered: bool = False
    """The latest send was refused; an earlier one is in doubt."""
    is_found: bool = False
    """A batch with our reference exists; whether it holds our documents cannot be told yet."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """A batch with our reference exists: ours, if its documents are."""

    thunderhead_batch_id: str


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the identical bytes under the same reference."""

    clears_doubt: bool = False
    """Nothing was found when every earlier send must have become visible: none was accepted."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person decides."""

    reason: str


Decision = Record | Dissolve | Wait | Doubt | Adopt | Resend | Hold


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What the tenant's Thunderhead promises, and how patient we are."""

    lookup_supported: bool
    reference_unique: bool
    visibility: timedelta
    max_attempts: int


def decide(  # noqa: C901, PLR0911 - a table, one row a case
    answer: Submission, batch: Batch, documents: tuple[UUID, ...]
) -> Decision:
    """Say what an answer to the latest send means.

    `documents` are the batch's, in the order they were sent in.
    """
    in_doubt = batch.unknown_since is not None
    match answer:
        case Accepted(thunderhead_batch_id, retry_after):
            return Record(thunderhead_batch_id, retry_after)
        case Duplicate(thunderhead_batch_id):
            return Adopt(thunderhead_batch_id)
        case Unknown(reason, retry_after):
            return Doubt(reason, retry_after)
        case Unexpected(reason):
            return Hold(reason)
        case Throttled(retry_after):
            return Wait("Thunderhead asked to wait (429)", retry_after)
        case NotSent(reason):
            return Wait(reason)
        case Forbidden(reason):
            return Wait(reason, is_forbidden=True)
        case Rejected() | TooLarge() if in_doubt:
            # Thunderhead may hold an earlier send of the same bytes: this answer proves
            # nothing about that one.
            return Doubt("rejected after a send with unknown outcome", is_answered=True)
        case Rejected(problems):
            return _dissolve(problems, documents)
        case TooLarge():
            return _split(documents, "DOCUMENT_TOO_LARGE", "Thunderhead says it is too large.")


def _dissolve(problems: Collection[DocumentProblem], documents: tuple[UUID, ...]) -> Decision:
    ours = {str(request_id): request_id for request_id in documents}
    failures = {
        ours[problem.document_reference]: _failure(problem.code, problem.message)
        for problem in problems
        if problem.document_reference in ours
    }
    if not failures:
        first = next(iter(problems), DocumentProblem(None, "REJECTED", "Thunderhead refused it."))
        return _split(documents, first.code, first.message)
    rest = tuple(request_id for request_id in documents if request_id not in failures)
    return Dissolve(failures, (rest,) if rest else ())


def _split(documents: tuple[UUID, ...], code: str, message: str) -> Dissolve:
    if len(documents) == 1:
        return Dissolve({documents[0]: _failure(code, message)}, ())
    middle = len(documents) // 2
    return Dissolve({}, (documents[:middle], documents[middle:]))


def _failure(code: str, message: str) -> Failure:
    return Failure(FailureCategory.SUBMISSION, code, message)


def next_step(guarantees: Guarantees, batch: Batch) -> Resend | Hold | None:
    """Say how an intent goes on.

    None means: look it up by its reference. `Resend` where nothing is in doubt, where a person
    ordered it, or where there is no look-up but the tenant refuses a second batch with the same
    reference; else a person decides.
    """
    if batch.unknown_since is None or batch.resend_ordered_at is not None:
        return Resend()
    if guarantees.lookup_supported:
        return None
    if guarantees.reference_unique:
        return Resend()
    return Hold("the outcome of a send is unknown and this tenant offers no look-up")


def after_lookup(lookup: Lookup, batch: Batch, guarantees: Guarantees, now: datetime) -> Decision:
    """Say what a look-up by reference means for a batch in doubt."""
    match lookup:
        case Found(thunderhead_batch_id):
            return Adopt(thunderhead_batch_id)
        case CallFailed(reason, retry_after, refused=True):
            return Wait(reason, retry_after)
        case CallFailed(reason, retry_after):
            return Doubt(reason, retry_after)
        case NotFound():
            visible = is_visible_by_now(batch, guarantees, now)
            if guarantees.reference_unique:
                return Resend(clears_doubt=visible)
            if not visible:
                return Wait("not visible yet", pauses=False)
            return Hold("no batch with this reference was found, but one may be on its way")


def is_visible_by_now(batch: Batch, guarantees: Guarantees, now: datetime) -> bool:
    """Tell whether everything that was sent must have become visible."""
    sent_at = batch.unknown_since or batch.last_send_at or batch.created_at
    return now >= sent_at + guarantees.visibility


def with_patience(decision: Decision, attempts: int, guarantees: Guarantees) -> Decision:
    """Turn a decision to go on into a hold where going on has no end.

    `attempts` counts the sends that went unanswered while Thunderhead otherwise answered.
    """
    match decision:
        case Resend() if attempts >= guarantees.max_attempts:
            return Hold(f"the outcome of {attempts} sends is unknown")
        case Doubt(reason, is_answered=True) if not guarantees.lookup_supported:
            return Hold(f"{reason}, and this tenant offers no look-up")
        case _:
            return decision


def after_comparison(
    documents: Documents,
    expected: Collection[UUID],
    thunderhead_batch_id: str,
    *,
    is_visible_by_now: bool,
) -> Decision:
    """Adopt a batch only if it holds exactly our documents.

    Some of them missing says nothing before everything sent must be visible.
    """
    if isinstance(documents, CallFailed):
        # It exists, so its send was accepted: never treat it as one that was not.
        return Doubt(documents.reason, documents.retry_after, is_found=True)
    ours = {str(request_id) for request_id in expected}
    if set(documents) == ours:
        return Record(thunderhead_batch_id)
    if set(documents) < ours and not is_visible_by_now:
        return Doubt("not all documents are visible yet", is_found=True)
    return Hold(f"Thunderhead's batch {thunderhead_batch_id} holds other documents than ours")
