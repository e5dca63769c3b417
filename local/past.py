"""Changes to a playground's database that no use case makes: times moved, an event set aside."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from shared.jobs.console_models import EventState
from shared.store.engine import create_engine
from shared.store.tables import (
    batch_messages,
    batches,
    document_requests,
    outbox,
    request_statistics,
    statistics_mark,
    status_history,
)
from shared.store.types import UtcTimestamp

HOURS = 72
_OFFICE_HOURS = range(7, 19)
_SHARE_AT_NIGHT = 0.2
_REFUSAL = "Broker: Message size too large"

r, b, o = document_requests.c, batches.c, outbox.c


def move_into_the_past(database_url: str) -> None:
    """Spread what has happened over the last days, most of it over office hours."""
    engine = create_engine(database_url)
    dice = random.Random(7)
    with engine.begin() as connection:
        for row in connection.execute(select(r.request_id, r.received_at)).all():
            shift = _shift(dice, row.received_at)
            _move(connection, document_requests, r.request_id == row.request_id, shift)
            _move(connection, outbox, o.request_id == row.request_id, shift)
            _move(
                connection,
                status_history,
                status_history.c.request_id == row.request_id,
                shift,
            )
        first = select(r.batch_id, func.min(r.received_at)).group_by(r.batch_id)
        for batch_id, moment in connection.execute(first.where(r.batch_id.is_not(None))).all():
            created = connection.execute(
                select(b.created_at).where(b.batch_id == batch_id)
            ).scalar_one()
            _move(connection, batches, b.batch_id == batch_id, created - moment)
            same_batch = batch_messages.c.batch_id == batch_id
            _move(connection, batch_messages, same_batch, created - moment)
        # Counted anew, from the first request on.
        connection.execute(delete(request_statistics))
        connection.execute(delete(statistics_mark))
    engine.dispose()


def set_an_event_aside(database_url: str) -> None:
    """Let the newest event look as one that the broker has refused for good."""
    engine = create_engine(database_url)
    newest = select(o.event_id).order_by(o.created_at.desc()).limit(1).scalar_subquery()
    values = {"state": EventState.SET_ASIDE.value, "due_at": None, "published_at": None}
    with engine.begin() as connection:
        connection.execute(
            update(outbox).where(o.event_id == newest).values(**values, last_error=_REFUSAL)
        )
    engine.dispose()


def _shift(dice: random.Random, moment: datetime) -> timedelta:
    while True:
        shift = timedelta(seconds=dice.uniform(1_800, HOURS * 3_600))
        share = 1.0 if (moment - shift).hour in _OFFICE_HOURS else _SHARE_AT_NIGHT
        if dice.random() < share:
            return timedelta(milliseconds=shift // timedelta(milliseconds=1))


def _move(
    connection: Connection, table: Table, where: ColumnElement[bool], shift: timedelta
) -> None:
    """Move every time of some rows into the past."""
    moments = [column for column in table.c if isinstance(column.type, UtcTimestamp)]
    for row in connection.execute(select(table).where(where)).mappings().all():
        same = [column == row[column] for column in table.primary_key]
        moved = {column.name: row[column] - shift for column in moments if row[column]}
        connection.execute(update(table).where(*same).values(moved))
