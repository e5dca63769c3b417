"""The life of requests against a simple model: any order of calls, runs, faults and decisions.

The real system on a real database, between peers that keep a ledger (`thunderhead.py`); after
each step `invariants.py` reads the database and the ledger. The same examples in every run; a
longer search, with other examples each time:

    OMS_TEST_EXAMPLES=2000 pytest tests/properties/test_life.py

A failure prints the steps that lead to it, already cut down to the fewest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain.models import DocumentRequest, NewRequest
from shared.domain.statuses import FailureCategory, Priority, RequestStatus
from shared.errors import ActionRefused, ReferenceDataUnavailable
from shared.jobs.intake import Replayed, Reused, Stored, Unverifiable
from tests.properties.invariants import Invariants
from tests.properties.thunderhead import (
    COMPLETED,
    ENDED,
    LOST,
    PENDING,
    READS,
    SILENT_AFTER,
    SILENT_BEFORE,
    SUBMISSIONS,
    VendorBatch,
)
from tests.properties.world import (
    CONFIGURED,
    DEADLINE,
    OPERATOR,
    RETENTION_DAYS,
    VISIBILITY,
    Killed,
    World,
    die,
    letter,
    moment,
    seconds,
)

LONG = RETENTION_DAYS * 86_400 + 1
ROUNDS = 40


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 2 * len(others) + list(others))


reads = mostly(*READS)
codes = mostly("fine", "out", "invalid")
brokers = mostly("fine", "down", "refuses")
cancels = mostly("stops", "stops slowly", "refused", "failing")
# Spread by hand: what only an unlucky order of answers shows must come up among few examples.
answers = st.sampled_from(
    [()] * len(SUBMISSIONS)
    + [(one,) * times for one in SUBMISSIONS for times in (1, 2)]
    + [(SILENT_BEFORE, one) for one in SUBMISSIONS]
    + [(SILENT_AFTER, one) for one in SUBMISSIONS]
)
rounds = st.integers(1, 3)
delays = st.sampled_from([0.0, 0.0, 20.0, VISIBILITY])
waits = st.sampled_from([1.0, 6.0, 12.0, 31.0, 70.0, DEADLINE + 1, 2 * DEADLINE, LONG])
endings = st.sampled_from(["well", "well", *ENDED, LOST])
accidents = mostly(None, *product(["killed before", "killed after", "suspended"], range(1, 9)))
letters = st.builds(
    letter,
    st.sampled_from("abcdef"),
    kind=mostly("good", "rejected", "rejected by name"),
    document_name=mostly("LETTER", "POLICY", "UNKNOWN"),
    priority=st.sampled_from(Priority),
)


@dataclass
class Known:
    """What the model knows of a stored request."""

    request_id: UUID
    body: NewRequest
    reprocessed: int = 0


def attempted(action: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Do something; return what came of it, or why it was refused."""
    try:
        return action(*arguments), None
    except ActionRefused as refused:
        return None, refused.code
    except ReferenceDataUnavailable:
        return None, "out"


class Life(RuleBasedStateMachine):
    world: World
    promises: Invariants

    @initialize(
        lookup=st.booleans(), unique=st.booleans(), size=st.integers(1, 3), count=st.integers(0, 4)
    )
    def start(self, lookup: bool, unique: bool, size: int, count: int) -> None:
        self.world = World(
            thunderhead_lookup_supported=lookup,
            thunderhead_reference_unique=unique,
            max_documents_per_batch=size,
        )
        self.promises = Invariants(self.world)
        self.known: dict[str, Known] = {}
        self.paused: str | bool | None = False
        self.submit([letter(key) for key in "abcd"[:count]], "fine")

    # --- source systems -----------------------------------------------------------------------

    @rule(bodies=st.lists(letters, min_size=1, max_size=4), codes=codes)
    def submit(self, bodies: list[NewRequest], codes: str) -> None:
        self.world.codes.answers = codes
        for body, answer in zip(bodies, self.world.submit(*bodies), strict=True):
            key = body.request_correlation_id
            known = self.known.get(key)
            match answer:
                case Stored(request):
                    assert known is None
                    self.known[key] = Known(request.request_id, body)
                case Replayed(request):
                    assert known == Known(request.request_id, body, request.generation - 1)
                case Reused(request_id):
                    assert known
                    assert known.request_id == request_id
                    assert known.body != body
                case _:
                    assert isinstance(answer, Unverifiable)
                    assert known is None
                    assert codes != "fine"

    # --- the jobs -----------------------------------------------------------------------------

    @rule(answers=answers, reads=reads, codes=codes, delay=delays, accident=accidents)
    def process(
        self, answers: tuple[str, ...], reads: str, codes: str, delay: float, accident: Any
    ) -> None:
        thunderhead = self.world.thunderhead
        thunderhead.answers, thunderhead.reads = list(answers), reads
        thunderhead.delay_seconds = delay
        self.world.codes.answers = codes
        self._run(self.world.system.processing.run, accident)
        thunderhead.answers = []

    @rule(reads=reads, cancels=cancels, broker=brokers, accident=accidents)
    def monitor(self, reads: str, cancels: str, broker: str, accident: Any) -> None:
        self.world.thunderhead.reads, self.world.thunderhead.cancels = reads, cancels
        self.world.broker.answers = broker
        self._run(self.world.system.monitoring.run, accident)

    @rule(answers=answers, reads=reads, ending=endings, pause=waits, broker=brokers, rounds=rounds)
    def process_and_monitor(
        self,
        answers: tuple[str, ...],
        reads: str,
        ending: str,
        pause: float,
        broker: str,
        rounds: int,
    ) -> None:
        for _ in range(rounds):
            self.process(answers, reads, "fine", 0.0, None)
            self.promises_are_kept()
            self.wait(pause)
        for batch in self._under_way():
            self._go_on(batch, ending)
        self.monitor("fine", "stops", broker, None)

    @rule(pause=waits)
    def wait(self, pause: float) -> None:
        self.world.clock.advance(pause)

    # --- Thunderhead --------------------------------------------------------------------------

    @precondition(lambda self: self._under_way())
    @rule(data=st.data(), ending=endings)
    def generate(self, data: Any, ending: str) -> None:
        self._go_on(data.draw(st.sampled_from(self._under_way())), ending)

    # --- operators ----------------------------------------------------------------------------

    @precondition(lambda self: self._known_in(RequestStatus.RECEIVED, RequestStatus.SUBMITTED))
    @rule(data=st.data(), codes=codes, meanwhile=st.booleans())
    def cancel(self, data: Any, codes: str, meanwhile: bool) -> None:
        known = self._draw(data, RequestStatus.RECEIVED, RequestStatus.SUBMITTED)
        is_received = self._get(known).status is RequestStatus.RECEIVED
        self.world.codes.answers = codes
        with self._by_hand(meanwhile):
            cancelled, refusal = attempted(
                self.world.system.operations.cancel, known.request_id, OPERATOR
            )
        if refusal:
            assert meanwhile or not is_received or (refusal == "out" and codes != "fine")
        else:
            assert is_received
            assert cancelled.failure.category is FailureCategory.CANCELLED

    @precondition(lambda self: self._known_in(RequestStatus.FAILED))
    @rule(data=st.data(), reads=reads, meanwhile=st.booleans())
    def reprocess(self, data: Any, reads: str, meanwhile: bool) -> None:
        known = self._draw(data, RequestStatus.FAILED)
        request = self._get(known)
        is_alive = self.world.thunderhead.alive(known.request_id)
        if is_alive and not self._can_be_asked_about(request):
            return  # whoever gave it up knows that it may exist
        unpublished = "SELECT 1 FROM outbox WHERE published_at IS NULL AND request_id = ?"
        is_unpublished = self.world.rows(unpublished, request.request_id.hex)
        stands_against = is_alive or request.purged_at or is_unpublished
        # Who asks does not know the ledger: what may be, is refused as well as what is.
        seems_to = self._may_be_on_its_way(request) or self._is_shown_pending(request)
        self.world.thunderhead.reads = reads
        with self._by_hand(meanwhile):
            again, refusal = attempted(
                self.world.system.operations.reprocess, known.request_id, OPERATOR, "again"
            )
        if refusal:
            assert stands_against or seems_to or meanwhile or reads != "fine", refusal
        else:
            assert meanwhile or not stands_against
            known.reprocessed += 1
            assert again.generation == 1 + known.reprocessed

    @precondition(lambda self: self._held())
    @rule(
        data=st.data(),
        way=st.sampled_from(["adopt", "adopt another", "resend", "delivered", "abandon"]),
        meanwhile=st.booleans(),
    )
    def resolve(self, data: Any, way: str, meanwhile: bool) -> None:
        batch_id = data.draw(st.sampled_from(self._held()))
        thunderhead, held = self.world.thunderhead, self.world.system.held
        theirs = thunderhead.of_reference(batch_id)
        # People say what is so.
        if way == "resend" and theirs and not thunderhead.reference_unique:
            return
        if way == "delivered" and not (theirs and {*theirs.documents.values()} == {COMPLETED}):
            return
        thunderhead.reads = "fine"
        vendor_id = theirs.vendor_id if theirs and way == "adopt" else "another"
        more = [vendor_id] if way.startswith("adopt") else []
        with self._by_hand(meanwhile):
            _, refusal = attempted(
                getattr(held, way.split(maxsplit=1)[0]), batch_id, *more, OPERATOR, "seen"
            )
        is_theirs = theirs and thunderhead.is_visible(theirs)
        reasons = {
            "adopt": {None} if is_theirs else {"NOT_OURS"},
            "adopt another": {"NOT_OURS"},
            "resend": {None, "PARTLY_SETTLED"},
        }.get(way, {None})
        assert refusal in reasons or (meanwhile and refusal == "CHANGED_MEANWHILE")

    @rule(configuration=st.sampled_from([None, *CONFIGURED.values()]))
    def pause_or_resume(self, configuration: str | None) -> None:
        submissions = self.world.system.submissions
        if self.paused is False:
            submissions.pause(OPERATOR, "stop", configuration)
            self.paused = configuration
        else:
            self._resume()

    @precondition(lambda self: self._set_aside())
    @rule()
    def publish_again(self) -> None:
        for request_id in self._set_aside():
            self.world.system.operations.publish_again(request_id, OPERATOR, "again")

    # --- what holds ---------------------------------------------------------------------------

    @invariant()
    def promises_are_kept(self) -> None:
        self.promises.check()
        stored = self.world.rows("SELECT request_id, generation FROM document_requests")
        assert {(one["request_id"], one["generation"]) for one in stored} == {
            (one.request_id.hex, 1 + one.reprocessed) for one in self.known.values()
        }

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self._recover()
            finally:
                self.world.close()

    def _recover(self) -> None:
        """Once everything works again, everything comes to its end by itself."""
        world = self.world
        world.thunderhead.reads = world.codes.answers = world.broker.answers = "fine"
        world.thunderhead.cancels = "stops"
        if self.paused is not False:
            self._resume()
        self.publish_again()
        for _ in range(ROUNDS):
            for batch in self._under_way():
                world.thunderhead.go_on(batch, "well")
            world.system.processing.run()
            world.system.monitoring.run()
            self.promises_are_kept()
            waiting = "SELECT 1 FROM document_requests WHERE status NOT IN (?, ?, ?)"
            is_open = world.rows(waiting, "COMPLETED", "FAILED", "HELD")
            if not is_open and not world.rows("SELECT 1 FROM outbox WHERE published_at IS NULL"):
                return
            world.clock.advance(16)
        raise AssertionError("something waits for ever")

    # --- helpers ------------------------------------------------------------------------------

    def _get(self, known: Known) -> DocumentRequest:
        return self.world.system.queries.get(known.request_id, OPERATOR)

    def _known_in(self, *statuses: RequestStatus) -> list[str]:
        return [key for key in sorted(self.known) if self._get(self.known[key]).status in statuses]

    def _draw(self, data: Any, *statuses: RequestStatus) -> Known:
        return self.known[data.draw(st.sampled_from(self._known_in(*statuses)))]

    def _held(self) -> list[UUID]:
        rows = self.world.rows("SELECT batch_id FROM batches WHERE state = 'HELD'")
        return [UUID(row["batch_id"]) for row in rows]

    def _set_aside(self) -> list[UUID]:
        rows = self.world.rows("SELECT request_id FROM outbox WHERE state = 'SET_ASIDE'")
        return [UUID(row["request_id"]) for row in rows]

    def _under_way(self) -> list[VendorBatch]:
        return [one for one in self.world.thunderhead.batches if one.is_under_way]

    def _go_on(self, batch: VendorBatch, ending: str) -> None:
        if ending != LOST:
            self.world.thunderhead.go_on(batch, ending)
        elif COMPLETED not in batch.documents.values():
            self.world.thunderhead.lose(batch)

    def _resume(self) -> None:
        assert self.paused is not False
        self.world.system.submissions.resume(OPERATOR, "go on", self.paused)
        self.paused = False

    def _can_be_asked_about(self, request: DocumentRequest) -> bool:
        """Whether Thunderhead can tell what became of the batch that carried a request."""
        is_known = "SELECT 1 FROM batches WHERE batch_id = ? AND thunderhead_batch_id IS NOT NULL"
        return self.world.thunderhead.lookup_supported or bool(
            request.batch_id and self.world.rows(is_known, request.batch_id.hex)
        )

    def _may_be_on_its_way(self, request: DocumentRequest) -> bool:
        """Whether a batch that Thunderhead has accepted may still be invisible."""
        rows = self.world.rows(
            "SELECT max(b.last_send_at, ifnull(b.unknown_since, ''), ifnull(b.submitted_at, ''))"
            " AS last FROM batches b JOIN document_requests q USING (batch_id)"
            " WHERE q.request_id = ?",
            request.request_id.hex,
        )
        return any(moment(row["last"]) + seconds(VISIBILITY) > self.world.clock() for row in rows)

    def _is_shown_pending(self, request: DocumentRequest) -> bool:
        carriers = self.world.thunderhead.carriers(request.request_id)
        return any(one.documents[str(request.request_id)] is PENDING for one in carriers)

    @contextmanager
    def _by_hand(self, meanwhile: bool) -> Iterator[None]:
        """Somebody reads and then writes; another worker runs between, perhaps.

        People may call Thunderhead whatever it has asked the jobs for.
        """
        thunderhead = self.world.thunderhead
        asked, thunderhead.asked_for_quiet = thunderhead.asked_for_quiet, None
        if meanwhile:
            self.world.before_write(1, self._rival_runs)
        try:
            yield
        finally:
            self.world.undisturbed()
        thunderhead.asked_for_quiet = None if meanwhile else asked

    def _run(self, run: Callable[[], object], accident: tuple[str, int] | None) -> None:
        world = self.world
        match accident:
            case "killed before", number:
                world.before_write(number, die)
            case "killed after", number:
                world.after_write(number, die)
            case "suspended", number:
                world.before_write(number, self._time_passes)
        try:
            with suppress(Killed):
                run()
        finally:
            world.undisturbed()
        if accident:
            # Who was asked to wait may have been unable to tell the others.
            world.thunderhead.asked_for_quiet = None

    def _time_passes(self) -> None:
        self.world.clock.advance(31)
        self._rival_runs()

    def _rival_runs(self) -> None:
        self.world.thunderhead.asked_for_quiet = None
        self.world.rival.processing.run()
        self.world.rival.monitoring.run()


TestLife = Life.TestCase
_examples = os.environ.get("OMS_TEST_EXAMPLES")
TestLife.settings = settings(
    max_examples=int(_examples or 60),
    stateful_step_count=25,
    derandomize=not _examples,
    report_multiple_bugs=False,
)
