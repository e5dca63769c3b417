"""SQL of batches and batch_messages; reading for people is in `batch_search`.

Every write is guarded by the lease owner and the state, and tells whether it changed the row:
a worker that lost its lease changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, literal_column, null, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from shared.domain.models import AcceptedBatch, Batch, JobMessage
from shared.domain.statuses import BatchState
from shared.domain.thunderhead import BatchReport
from shared.jobs.console_models import BatchFilter, BatchRecord, Position, RecordedMessage
from shared.jobs.request_storage import MOST_BROUGHT_FORWARD
from shared.store import batch_search
from shared.store.batch_rows import message_row, report_values, to_batch, to_row
from shared.store.statements import by_key, chunks, claim, insert_rows, keyed, places, setting
from shared.store.tables import batch_messages, batches

b = batches.c


class BatchesTable:
    """Port `Batches` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, new: Sequence[Batch]) -> None:
        """Store intents: leased, and about to be sent."""
        insert_rows(self._connection, batches, [to_row(batch) for batch in new])

    def get(self, batch_id: UUID) -> Batch | None:
        """Return one batch."""
        row = self._connection.execute(select(batches).where(b.batch_id == batch_id)).first()
        return to_batch(row) if row else None

    def held(self, limit: int) -> Sequence[Batch]:
        """Return HELD batches, longest held first."""
        is_held = b.state == literal_column("'HELD'")
        statement = select(batches).where(is_held).order_by(b.updated_at).limit(limit)
        return [to_batch(row) for row in self._connection.execute(statement)]

    def page(
        self, where: BatchFilter, limit: int, before: Position | None
    ) -> Sequence[BatchRecord]:
        """Return batches, newest first, that come after a position."""
        return batch_search.page(self._connection, where, limit, before)

    def records(self, batch_ids: Sequence[UUID]) -> Sequence[BatchRecord]:
        """Return batches with what Thunderhead last said of them, oldest first."""
        return batch_search.records(self._connection, batch_ids)

    def messages(
        self, batch_id: UUID, limit: int, about: UUID | None = None
    ) -> Sequence[RecordedMessage]:
        """Return the vendor's job messages in their order, those about one document or all."""
        return batch_search.messages(self._connection, batch_id, limit, about)

    def claim(
        self,
        state: BatchState,
        owner: UUID,
        now: datetime,
        leased_until: datetime,
        limit: int,
    ) -> Sequence[Batch]:
        """Take due batches of a state: intents, polls, or look-ups of what is HELD."""
        statement = claim(
            b.state,
            state.value,
            owner=owner,
            now=now,
            leased_until=leased_until,
            limit=limit,
        )
        return [to_batch(row) for row in self._connection.execute(statement)]

    def renew(self, batch: Batch, leased_until: datetime) -> bool:
        """Extend the lease of a batch; False if it is no longer ours."""
        return self._change(batch, batch.state, {"due_at": leased_until})

    def mark_sending(self, batch: Batch) -> bool:
        """Note that the batch, as it is here, is about to be sent again; False if not ours."""
        return self._change(
            batch,
            BatchState.SUBMITTING,
            {
                "in_flight": batch.in_flight,
                "last_send_at": batch.last_send_at,
                "due_at": batch.leased_until,
                "unknown_since": batch.unknown_since,
                "resend_ordered_at": None,
                "attempts": batch.attempts,
            },
        )

    def record_submitted(self, accepted: Sequence[AcceptedBatch], now: datetime) -> Set[UUID]:
        """SUBMITTING or HELD → SUBMITTED; returns the batches that were still ours."""
        recorded: set[UUID] = set()
        for (state, owner, due_at), alike in _alike(accepted):
            for some in chunks(alike):
                vendor_ids = [(one.batch.batch_id, one.thunderhead_batch_id) for one in some]
                parameters = {
                    "ids": [batch_id for batch_id, _ in vendor_ids],
                    "before": state.value,
                    "owner": owner,
                    "first_poll_at": due_at,
                    "now": now,
                    **keyed(vendor_ids, places(len(some))),
                }
                changed = self._connection.scalars(_acceptance(places(len(some))), parameters)
                recorded.update(changed)
        return recorded

    def look_again(self, batch: Batch, due_at: datetime) -> bool:
        """Keep a HELD batch for its next look-up; False if no longer ours."""
        return self._change(
            batch,
            BatchState.HELD,
            {"due_at": due_at, "failures": b.failures + 1, "lease_owner": None},
        )

    def record_wait(self, batch: Batch, now: datetime, due_at: datetime) -> bool:
        """Keep an intent, as it is here, until later; False if no longer ours."""
        return self._change(
            batch,
            BatchState.SUBMITTING,
            {
                "due_at": due_at,
                "updated_at": now,
                "in_flight": batch.in_flight,
                "unknown_since": batch.unknown_since,
                "resend_ordered_at": batch.resend_ordered_at,
                "failures": b.failures + 1,
                "lease_owner": None,
            },
        )

    def dissolve(self, batch: Batch, now: datetime) -> bool:
        """SUBMITTING → DISSOLVED; False if no longer ours."""
        return self._close(batch, BatchState.SUBMITTING, BatchState.DISSOLVED, now)

    def hold(
        self,
        batch: Batch,
        reason: str,
        now: datetime,
        report: BatchReport | None = None,
        look_again_at: datetime | None = None,
    ) -> bool:
        """SUBMITTING or SUBMITTED → HELD; False if no longer ours."""
        values = {
            "hold_reason": reason,
            "due_at": look_again_at,
            "unknown_since": batch.unknown_since,
            **(report_values(report) if report else {}),
        }
        return self._close(batch, batch.state, BatchState.HELD, now, values)

    def decide(self, batch: Batch, state: BatchState, now: datetime, **values: Any) -> bool:
        """Take a HELD batch, at the version that it has here, to another state."""
        changed = self._connection.execute(
            update(batches)
            .where(
                b.batch_id == batch.batch_id,
                b.state == BatchState.HELD.value,
                b.version == batch.version,
            )
            .values(
                setting(
                    {
                        "state": state.value,
                        "version": b.version + 1,
                        "updated_at": now,
                        "due_at": None,
                        "lease_owner": None,
                        **values,
                    }
                )
            )
        )
        return changed.rowcount == 1

    def bring_forward(self, now: datetime) -> int:
        """Make intents that wait due now, MOST_BROUGHT_FORWARD at most; counts them."""
        is_open = b.state == literal_column("'SUBMITTING'")
        is_waiting = and_(is_open, b.due_at > now, b.updated_at <= now, b.lease_owner.is_(None))
        waiting = select(b.batch_id).where(is_waiting).limit(MOST_BROUGHT_FORWARD)
        return self._connection.execute(
            update(batches).where(b.batch_id.in_(waiting), is_waiting).values(due_at=now)
        ).rowcount

    def make_due(self, batch: Batch, now: datetime) -> bool:
        """Make a SUBMITTED batch, at the version that it has here, due; False if it is leased."""
        changed = self._connection.execute(
            update(batches)
            .where(
                b.batch_id == batch.batch_id,
                b.state == BatchState.SUBMITTED.value,
                b.version == batch.version,
                b.lease_owner.is_(None),
            )
            .values(due_at=now)
        )
        return changed.rowcount == 1

    def record_poll(
        self,
        batch: Batch,
        report: BatchReport | None,
        now: datetime,
        due_at: datetime,
        terminal_since: datetime | None,
    ) -> bool:
        """Keep a submitted batch for its next poll; False if no longer ours.

        Without a report the poll failed: it does not count as one.
        """
        values: dict[str, Any] = {
            "due_at": due_at,
            "updated_at": now,
            "terminal_since": terminal_since,
            "lease_owner": None,
        }
        if report is None:
            values["failures"] = b.failures + 1
        else:
            values |= {"failures": 0, "polls": b.polls + 1, **report_values(report)}
        return self._change(batch, BatchState.SUBMITTED, values)

    def settle(self, batch: Batch, report: BatchReport | None, now: datetime) -> bool:
        """SUBMITTED → SETTLED with the vendor's last words; False if no longer ours."""
        return self._close(
            batch,
            BatchState.SUBMITTED,
            BatchState.SETTLED,
            now,
            {
                "settled_at": now,
                "polls": b.polls + 1,
                **(report_values(report) if report else {}),
            },
        )

    def add_messages(self, batch_id: UUID, messages: Sequence[JobMessage], now: datetime) -> None:
        """Keep the vendor's job messages."""
        rows = [message_row(batch_id, message, now) for message in messages]
        insert_rows(self._connection, batch_messages, rows)

    def _close(
        self,
        batch: Batch,
        before: BatchState,
        after: BatchState,
        now: datetime,
        values: dict[str, Any] | None = None,
    ) -> bool:
        return self._change(
            batch,
            before,
            {
                "state": after.value,
                "version": b.version + 1,
                "updated_at": now,
                "due_at": None,
                "lease_owner": None,
                **(values or {}),
            },
        )

    def _change(self, batch: Batch, before: BatchState, values: dict[str, Any]) -> bool:
        changed = self._connection.execute(
            update(batches)
            .where(
                b.batch_id == batch.batch_id,
                b.state == before.value,
                b.lease_owner == batch.lease_owner,
            )
            .values(setting(values))
        )
        return changed.rowcount == 1


def _alike(
    accepted: Sequence[AcceptedBatch],
) -> Iterable[tuple[tuple[BatchState, UUID | None, datetime], Sequence[AcceptedBatch]]]:
    """Group batches by what one statement may change together."""
    groups: defaultdict[tuple[BatchState, UUID | None, datetime], list[AcceptedBatch]]
    groups = defaultdict(list)
    for one in accepted:
        groups[one.batch.state, one.batch.lease_owner, one.due_at].append(one)
    return groups.items()


@cache
def _acceptance(rows: int) -> ReturningUpdate[UUID]:
    """Build the change of as many batches to SUBMITTED, each with a vendor's id of its own."""
    return (
        update(batches)
        .where(
            b.batch_id.in_(bindparam("ids", expanding=True)),
            b.state == bindparam("before"),
            b.lease_owner == bindparam("owner"),
        )
        .values(
            state=BatchState.SUBMITTED.value,
            version=b.version + 1,
            thunderhead_batch_id=by_key(b.batch_id, b.thunderhead_batch_id, rows),
            submitted_at=bindparam("now"),
            updated_at=bindparam("now"),
            due_at=bindparam("first_poll_at"),
            in_flight=False,
            failures=0,
            polls=0,
            terminal_since=null(),
            lease_owner=null(),
        )
        .returning(b.batch_id)
    )
