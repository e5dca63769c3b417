"""SQL of outbox: terminal status events on their way to the broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, null, update

from shared.domain.models import OutboxEvent
from shared.store.statements import chunks, claim, insert_rows, setting
from shared.store.tables import outbox

o = outbox.c

PENDING = "PENDING"
PUBLISHED = "PUBLISHED"
SET_ASIDE = "SET_ASIDE"


class OutboxTable:
    """Port `Outbox` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, events: Sequence[OutboxEvent], now: datetime) -> None:
        """Queue events, due at once."""
        insert_rows(
            self._connection,
            outbox,
            [
                {
                    "event_id": event.event_id,
                    "request_id": event.request_id,
                    "generation": event.generation,
                    "state": PENDING,
                    "topic": event.topic,
                    "traceparent": event.traceparent,
                    "payload": event.payload,
                    "created_at": now,
                    "due_at": now,
                    "attempts": 0,
                }
                for event in events
            ],
        )

    def claim(
        self, owner: UUID, now: datetime, leased_until: datetime, limit: int
    ) -> Sequence[OutboxEvent]:
        """Take due events."""
        statement = claim(
            o.state,
            PENDING,
            owner=owner,
            now=now,
            leased_until=leased_until,
            limit=limit,
        )
        return [
            OutboxEvent(
                row.event_id,
                row.request_id,
                row.generation,
                row.topic,
                row.payload,
                row.traceparent,
                row.attempts,
                row.created_at,
            )
            for row in self._connection.execute(statement)
        ]

    def mark_published(self, owner: UUID, event_ids: Sequence[UUID], now: datetime) -> int:
        """Note the broker's acknowledgement; returns how many were still ours."""
        return self._change(
            owner, event_ids, {"state": PUBLISHED, "published_at": now, "due_at": None}
        )

    def retry_later(
        self, owner: UUID, event_ids: Sequence[UUID], due_at: datetime, reason: str
    ) -> int:
        """Give events back after a failure that passes; returns how many were still ours."""
        return self._change(
            owner,
            event_ids,
            {"due_at": due_at, "attempts": o.attempts + 1, "last_error": reason},
        )

    def set_aside(self, owner: UUID, event_ids: Sequence[UUID], reason: str) -> int:
        """Take events out of the queue that the broker refuses; a person decides."""
        return self._change(
            owner,
            event_ids,
            {"state": SET_ASIDE, "due_at": None, "last_error": reason},
        )

    def take_up_again(self, request_id: UUID, now: datetime) -> bool:
        """Make a request's event that was set aside due again; False if it has none."""
        changed = self._connection.execute(
            update(outbox)
            .where(
                o.request_id == request_id,
                o.state == SET_ASIDE,
                o.published_at.is_(None),  # for the index
            )
            .values(state=PENDING, due_at=now, attempts=0)
        )
        return changed.rowcount == 1

    def _change(self, owner: UUID, event_ids: Sequence[UUID], values: dict[str, Any]) -> int:
        changed = 0
        for some in chunks(event_ids):
            changed += self._connection.execute(
                update(outbox)
                .where(o.event_id.in_(some), o.lease_owner == owner, o.state == PENDING)
                .values(lease_owner=null(), **setting(values))
            ).rowcount
        return changed
