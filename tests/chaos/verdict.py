"""The judge's findings on a round: what must hold after any, and what only a round can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import UUID

from shared.composition import open_store
from tests.chaos.peers import Peers
from tests.chaos.round import Round, State
from tests.crash.judge import Finding, finding, findings, requests_of


def judge_round(one: Round, state: State, peers: Peers) -> Sequence[Finding]:
    """Hold every promise against what a round has left."""
    answers = one.source_system.answers
    accepted = {UUID(request_id) for ids in answers.values() for request_id in ids}
    with closing(open_store(f"sqlite:///{peers.database}")) as store:
        engine = store._engine
        return [
            *_of_answers(one),
            finding(
                "nothing is stored that was not asked for",
                len(accepted),
                set(requests_of(engine)) - accepted,
            ),
            *findings(engine, accepted, peers.ledger(), peers.all_events()),
            *_of_the_end(one, state),
        ]


def _of_answers(one: Round) -> Iterator[Finding]:
    source_system = one.source_system
    answers = source_system.answers
    missing = source_system.total - len(answers)
    yield finding(
        "every pair is accepted, whatever is down",
        source_system.total,
        [*source_system.complaints, *([f"{missing} without an answer"] if missing else [])],
    )
    yield finding(
        "a pair has one request, however often it is posted",
        source_system.calls.total(),
        (f"{pair}: {sorted(ids)}" for pair, ids in answers.items() if len(ids) > 1),
    )


def _of_the_end(one: Round, state: State) -> Iterator[Finding]:
    left = [] if state.is_idle else [f"left after the drain: {state}"]
    late = [f"{one.published_late} events came late"] if one.published_late else []
    yield finding("everything drains, and nothing follows", state.posted, left + late)
    yield finding(
        "a process ends with its work, or is killed",
        sum(slot.ends.total() for slot in one.slots),
        [*(end for slot in one.slots for end in slot.strange_ends()), *one.operators.strange],
    )
