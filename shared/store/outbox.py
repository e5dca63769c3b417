"""SQL of outbox: terminal status events on their way to the broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, literal_column, null, select, update

from shared.domain.models import OutboxEvent
from shared.jobs.console_models import (
    Count,
    EventState,
    OutboxDepth,
    SetAsideEvent,
    StoredEvent,
)
from shared.store.statements import chunks, claim, count_up_to, insert_rows, setting
from shared.store.tables import document_requests, outbox

o = outbox.c

_EVENT = tuple(o[field.name] for field in fields(OutboxEvent))

PENDING = EventState.PENDING.value
PUBLISHED = EventState.PUBLISHED.value
SET_ASIDE = EventState.SET_ASIDE.value


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
            returning=_EVENT,
        )
        return [OutboxEvent(*row) for row in self._connection.execute(statement).all()]

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

    def of(self, request_id: UUID) -> Sequence[StoredEvent]:
        """Return a request's events, oldest generation first."""
        rows = self._connection.execute(select(outbox).where(o.request_id == request_id))
        events = [
            StoredEvent(
                event_id=row.event_id,
                generation=row.generation,
                state=EventState(row.state),
                topic=row.topic,
                created_at=row.created_at,
                due_at=row.due_at,
                attempts=row.attempts,
                last_error=row.last_error,
                published_at=row.published_at,
                payload=row.payload,
            )
            for row in rows
        ]
        return sorted(events, key=lambda event: event.generation)

    def refused(
        self, source_systems: Collection[str] | None, limit: int
    ) -> Sequence[SetAsideEvent]:
        """Return events that were set aside, oldest first; None stands for every source system."""
        r = document_requests.c
        statement = (
            select(
                o.request_id,
                r.source_system,
                r.request_correlation_id,
                o.generation,
                o.topic,
                o.created_at,
                o.last_error,
            )
            .join_from(outbox, document_requests, r.request_id == o.request_id)
            .where(*_unpublished(EventState.SET_ASIDE))
            .order_by(o.created_at)
            .limit(limit)
        )
        if source_systems is not None:
            statement = statement.where(r.source_system.in_(source_systems))
        return [SetAsideEvent(*row) for row in self._connection.execute(statement)]

    def depth(self, limit: int) -> OutboxDepth:
        """Count the events that were not published yet, each kind up to a limit."""
        return OutboxDepth(
            pending=self._count(EventState.PENDING, limit),
            oldest_pending_since=self._oldest(EventState.PENDING),
            set_aside=self._count(EventState.SET_ASIDE, limit),
            oldest_set_aside_since=self._oldest(EventState.SET_ASIDE),
        )

    def _oldest(self, state: EventState) -> datetime | None:
        oldest: datetime | None = self._connection.scalar(
            select(func.min(o.created_at)).where(*_unpublished(state))
        )
        return oldest

    def _count(self, state: EventState, limit: int) -> Count:
        some = select(o.created_at).where(*_unpublished(state))
        return count_up_to(self._connection, some, limit)

    def _change(self, owner: UUID, event_ids: Sequence[UUID], values: dict[str, Any]) -> int:
        changed = 0
        for some in chunks(event_ids):
            changed += self._connection.execute(
                update(outbox)
                .where(o.event_id.in_(some), o.lease_owner == owner, o.state == PENDING)
                .values(lease_owner=null(), **setting(values))
            ).rowcount
        return changed


def _unpublished(state: EventState) -> tuple[ColumnElement[bool], ...]:
    """Conditions on events of a state that are not published, as their index wants them."""
    return o.state == state.value, o.state != literal_column("'PUBLISHED'")
