"""Accepting requests: stored once, or answered with what is stored already.

The database decides which of several equal requests is the first; a replay is answered
before anything else is asked, so it works while reference data is down too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shared.domain import strict_json
from shared.domain.content_rules import Violation
from shared.domain.models import DocumentRequest, HistoryEntry, NewRequest
from shared.domain.statuses import RequestStatus
from shared.domain.timing import Clock
from shared.errors import DatabaseUnavailable, DuplicateCorrelationId, ReferenceDataUnavailable
from shared.jobs.ports import ReferenceData
from shared.jobs.request_storage import CorrelationKey
from shared.jobs.storage import Store, Transaction
from shared.measures import TRANSITIONS

_MAX_ROUNDS = 20
"""Each lost race means that somebody else's request was stored; more than this is a fault."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that a call asks to be stored, by whom and in which trace."""

    request: NewRequest
    actor: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The request is committed."""

    request: DocumentRequest


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same request had been stored before."""

    request: DocumentRequest


@dataclass(frozen=True, slots=True)
class Reused:
    """The correlation id belongs to a request with another body."""

    request_id: UUID


@dataclass(frozen=True, slots=True)
class Invalid:
    """Some codes are not in effect today."""

    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Unverifiable:
    """Reference data is out, so nobody can tell whether the request is valid."""


Answer = Stored | Replayed | Reused | Invalid | Unverifiable


class _CodesOfDay:
    """The codes in effect on a day (UTC); each type is asked for once, answered or not."""

    def __init__(self, reference_data: ReferenceData, day: date) -> None:
        self._reference_data = reference_data
        self._day = day
        self._known: dict[str, Collection[str] | ReferenceDataUnavailable] = {}

    def refusal(self, request: NewRequest) -> Invalid | Unverifiable | None:
        """Check the codes of a request."""
        codes = [
            ("sourceSystem", "SOURCE_SYSTEM", request.source_system),
            ("documentType", "DOCUMENT_TYPE", request.document_type),
            ("documentName", "DOCUMENT_NAME", request.document_name),
            ("language", "LANGUAGE", request.language),
            *((f"metadata.{key}", "METADATA_KEY", key) for key in request.metadata),
        ]
        try:
            violations = tuple(
                Violation(field, f"is not a {code_type} code in effect on {self._day.isoformat()}")
                for field, code_type, code in codes
                if code not in self._of_type(code_type)
            )
        except ReferenceDataUnavailable:
            return Unverifiable()
        return Invalid(violations) if violations else None

    def _of_type(self, code_type: str) -> Collection[str]:
        if code_type not in self._known:
            try:
                self._known[code_type] = self._reference_data.codes(code_type, self._day)
            except ReferenceDataUnavailable as error:
                self._known[code_type] = error
        codes = self._known[code_type]
        if isinstance(codes, ReferenceDataUnavailable):
            raise codes.with_traceback(None)
        return codes


class Intake:
    """Accepts document requests."""

    def __init__(
        self,
        store: Store,
        reference_data: ReferenceData,
        clock: Clock,
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._reference_data = reference_data
        self._clock = clock
        self._new_id = new_id

    def submit(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        """Store the valid ones of some requests in one transaction; answer each, in order.

        Raises DatabaseUnavailable: the outcome is unknown then, and sending the same again is
        safe.
        """
        requests = [arrival.request for arrival in arrivals]
        digests = [body_digest(request) for request in requests]
        codes = _CodesOfDay(self._reference_data, self._clock().date())
        answers: dict[int, Answer] = {}
        for _ in range(_MAX_ROUNDS):
            self._answer_known(requests, digests, answers)
            fresh: dict[CorrelationKey, int] = {}
            for index, request in enumerate(requests):
                if index not in answers and _key(request) not in fresh:
                    refusal = codes.refusal(request)
                    if refusal:
                        answers[index] = refusal
                    else:
                        fresh[_key(request)] = index
            if fresh:
                try:
                    answers |= self._store_all(
                        {index: (arrivals[index], digests[index]) for index in fresh.values()}
                    )
                except DuplicateCorrelationId:
                    continue  # somebody was faster: read what they stored
            if len(answers) == len(requests):
                return [answers[index] for index in range(len(requests))]
            # What is left repeats a request of this very call, which is stored now.
        raise DatabaseUnavailable("the same correlation ids keep arriving")

    def _answer_known(
        self, requests: Sequence[NewRequest], digests: list[str], answers: dict[int, Answer]
    ) -> None:
        """Answer those whose correlation id is stored."""
        open_items = [index for index in range(len(requests)) if index not in answers]
        keys = {_key(requests[index]) for index in open_items}
        known = self._store.read(lambda tx: tx.requests.find_by_correlation(keys))
        for index in open_items:
            if found := known.get(_key(requests[index])):
                same = found.body_digest == digests[index]
                answers[index] = Replayed(found) if same else Reused(found.request_id)

    def _store_all(self, new: Mapping[int, tuple[Arrival, str]]) -> dict[int, Answer]:
        """Commit new requests together, each with its digest."""
        now = self._clock()
        rows = {
            index: _received(arrival, digest, self._new_id(), now)
            for index, (arrival, digest) in new.items()
        }
        contents = [
            strict_json.dumps(arrival.request.content).decode() for arrival, _ in new.values()
        ]
        history = [
            HistoryEntry(
                rows[index].request_id, 1, None, RequestStatus.RECEIVED, now, arrival.actor
            )
            for index, (arrival, _) in new.items()
        ]

        def work(tx: Transaction) -> None:
            tx.requests.insert(list(rows.values()), contents)
            tx.history.add(history)

        self._store.write(work)
        TRANSITIONS.record(len(rows), {"oms.request.status": RequestStatus.RECEIVED.value})
        return {index: Stored(row) for index, row in rows.items()}


def _received(arrival: Arrival, digest: str, request_id: UUID, now: datetime) -> DocumentRequest:
    request = arrival.request
    return DocumentRequest(
        request_id=request_id,
        source_system=request.source_system,
        request_correlation_id=request.request_correlation_id,
        document_type=request.document_type,
        document_name=request.document_name,
        language=request.language,
        priority=request.priority,
        status=RequestStatus.RECEIVED,
        generation=1,
        version=1,
        received_at=now,
        updated_at=now,
        body_digest=digest,
        traceparent=arrival.traceparent,
        metadata=dict(request.metadata),
    )


def body_digest(request: NewRequest) -> str:
    """Return the digest by which a repeated request is recognised, defaults applied."""
    body: dict[str, Any] = {
        "sourceSystem": request.source_system,
        "requestCorrelationId": request.request_correlation_id,
        "documentType": request.document_type,
        "documentName": request.document_name,
        "language": request.language,
        "priority": request.priority.value,
        "metadata": dict(request.metadata),
        "content": request.content,
    }
    return strict_json.digest(body)


def _key(request: NewRequest) -> CorrelationKey:
    return request.source_system, request.request_correlation_id
