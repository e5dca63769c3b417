"""What must hold in the database after every step, read behind the system's back."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from uuid import UUID

from shared.domain.statuses import TRANSITIONS, RequestStatus
from shared.jobs.claiming import PAUSED_SECONDS
from tests.properties.thunderhead import COMPLETED, LedgerThunderhead
from tests.properties.world import World, moment, seconds

TERMINAL = {"COMPLETED", "FAILED"}
LONGEST_WAIT = PAUSED_SECONDS
"""Seconds, with the settings of these tests."""
OWNED_BY_A_BATCH = {
    "SUBMITTING": {"PROCESSING"},
    "SUBMITTED": {"SUBMITTED"},
    "HELD": {"HELD"},
    "SETTLED": set[str](),
    "DISSOLVED": set[str](),
}
"""Statuses of the open requests of a batch; those that have ended stay with it."""


class Invariants:
    """Checks a world again and again, and remembers what must not go back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, sqlite3.Row] = {}
        self._ends: dict[tuple[str, int], str] = {}

    def check(self) -> None:
        requests = self._world.rows("SELECT * FROM document_requests")
        batches = {one["batch_id"]: one for one in self._world.rows("SELECT * FROM batches")}
        history = self._world.rows("SELECT * FROM status_history ORDER BY history_id")
        events = self._world.rows("SELECT * FROM outbox")
        for request in requests:
            mine = [one for one in history if one["request_id"] == request["request_id"]]
            self._history_is_gapless(request, mine)
            self._every_end_has_its_event(request, mine, events)
            self._somebody_owns(request, batches)
            self._waits_until_it_ends(request, mine)
            self._nothing_goes_back(request)
            one_at_a_time(request, self._world.thunderhead)
        for batch in batches.values():
            self._owns_what_it_may(batch, requests)
        self._published_in_order()

    def _history_is_gapless(self, request: sqlite3.Row, history: list[sqlite3.Row]) -> None:
        status, generation, at = None, 1, ""
        for entry in history:
            assert entry["from_status"] == status
            before = RequestStatus(status) if status else None
            assert RequestStatus(entry["to_status"]) in TRANSITIONS[before]
            reprocessed = (status, entry["to_status"]) == ("FAILED", "RECEIVED")
            assert entry["generation"] == generation + reprocessed
            assert entry["at"] >= at
            status, generation, at = entry["to_status"], entry["generation"], entry["at"]
        assert (request["status"], request["generation"]) == (status, generation)
        happened = self._world.rows(
            "SELECT before, after FROM observed WHERE key = ? ORDER BY id", request["request_id"]
        )
        told = [(entry["from_status"], entry["to_status"]) for entry in history]
        assert [tuple(one) for one in happened] == told

    def _waits_until_it_ends(self, request: sqlite3.Row, history: list[sqlite3.Row]) -> None:
        failure = (request["failure_category"], request["failure_code"])
        assert (history[-1]["failure_category"], history[-1]["failure_code"]) == failure
        if request["status"] in TERMINAL:
            assert request["waiting_since"] is None
        else:
            assert request["waiting_since"] in {one["at"] for one in history}

    def _every_end_has_its_event(
        self, request: sqlite3.Row, history: list[sqlite3.Row], events: list[sqlite3.Row]
    ) -> None:
        mine = [one for one in events if one["request_id"] == request["request_id"]]
        ends = {
            one["generation"]: one["to_status"] for one in history if one["to_status"] in TERMINAL
        }
        assert sorted(one["generation"] for one in mine) == sorted(ends)
        assert sum(one["published_at"] is None for one in mine) <= 1
        for one in mine:
            if one["payload"]:
                data = json.loads(one["payload"])["data"]
                shown = UUID(data["requestId"]).hex, data["generation"], data["status"]
                generation = one["generation"]
                assert shown == (request["request_id"], generation, ends[generation])
        for generation, status in ends.items():
            end = request["request_id"], generation
            assert self._ends.setdefault(end, status) == status
        assert (request["completed_at"] is not None) == (request["status"] in TERMINAL)
        assert (request["failure_category"] is not None) == (request["status"] == "FAILED")

    def _somebody_owns(self, request: sqlite3.Row, batches: dict[str, sqlite3.Row]) -> None:
        """A request that is under way is taken up again by somebody, and soon."""
        status, batch = request["status"], batches.get(request["batch_id"])
        if status in TERMINAL or status == "HELD":
            assert request["due_at"] is request["lease_owner"] is None
        elif request["due_at"] is None:
            assert batch
            assert request["lease_owner"] is None
            self._is_due_soon(batch)
        else:
            assert status in {"RECEIVED", "PROCESSING"}
            assert batch is None
            assert (request["lease_owner"] is None) == (status == "RECEIVED")
            self._is_due_soon(request)
        if batch and status not in TERMINAL:
            assert status in OWNED_BY_A_BATCH[batch["state"]]

    def _is_due_soon(self, row: sqlite3.Row) -> None:
        due_at = moment(row["due_at"])
        assert due_at
        assert due_at <= self._world.clock() + seconds(LONGEST_WAIT)

    def _owns_what_it_may(self, batch: sqlite3.Row, requests: list[sqlite3.Row]) -> None:
        mine = {
            one["status"] for one in requests if one["batch_id"] == batch["batch_id"]
        } - TERMINAL
        assert mine <= OWNED_BY_A_BATCH[batch["state"]]
        if batch["state"] in {"SUBMITTING", "HELD"}:
            assert mine
        if batch["state"] in {"SETTLED", "DISSOLVED"}:
            assert batch["due_at"] is batch["lease_owner"] is None

    def _nothing_goes_back(self, request: sqlite3.Row) -> None:
        before = self._seen.get(request["request_id"])
        if before:
            # A lease that is renewed, or a wait that is ended, shows nobody anything else.
            told = [name for name in request.keys() if name not in {"due_at", "version"}]  # noqa: SIM118
            changed = [request[name] for name in told] != [before[name] for name in told]
            assert request["version"] - before["version"] >= changed
            assert request["generation"] - before["generation"] in {0, 1}
        self._seen[request["request_id"]] = request

    def _published_in_order(self) -> None:
        published = defaultdict[UUID, list[int]](list)
        payloads: dict[UUID, bytes] = {}
        for one in self._world.broker.events:
            published[one.request_id].append(one.generation)
            assert payloads.setdefault(one.event_id, one.payload) == one.payload
        for generations in published.values():
            assert generations == sorted(generations)
        for request_id, generation in {
            (one.request_id, one.generation) for one in self._world.broker.events
        }:
            assert (request_id.hex, generation) in self._ends


def one_at_a_time(request: sqlite3.Row, thunderhead: LedgerThunderhead) -> None:
    """What the row says of a document is so, and it is never generated twice."""
    request_id = UUID(request["request_id"])
    alive = thunderhead.alive(request_id)
    assert alive <= 1, f"{request_id} is generated twice"
    match request["status"], request["failure_category"]:
        case ("RECEIVED", _) | ("FAILED", "SUBMISSION" | "ENRICHMENT" | "CANCELLED" | "GENERATION"):
            assert alive == 0
        case "PROCESSING", _:
            reference = str(UUID(request["batch_id"])) if request["batch_id"] else None
            carriers = [one for one in thunderhead.carriers(request_id) if alive]
            assert all(
                one.reference == reference
                for one in carriers
                if str(request_id) in set(one.alive())
            )
        case "COMPLETED", _:
            carriers = thunderhead.carriers(request_id)
            assert any(one.documents[str(request_id)] is COMPLETED for one in carriers)
        case _:
            pass
