"""SQL of pauses: which dependency is not to be called before when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from shared.domain.models import Pause
from shared.store.statements import setting
from shared.store.tables import pauses


class PausesTable:
    """Port `Pauses` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, Pause]:
        """Return every stored pause by name, ended ones included."""
        return {
            row.name: Pause(row.name, row.since, row.until, row.failures, row.reason, row.actor)
            for row in self._connection.execute(select(pauses))
        }

    def extend(self, pause: Pause) -> None:
        """Store a pause, unless one by this name lasts longer already (or has no end)."""
        values = {
            "since": pause.since,
            "until": pause.until,
            "failures": pause.failures,
            "reason": pause.reason,
            "actor": pause.actor,
        }
        p = pauses.c
        is_shorter = and_(p.until.is_not(None), p.until < pause.until) if pause.until else true()
        changed = self._connection.execute(
            update(pauses).where(p.name == pause.name, is_shorter).values(setting(values))
        )
        if changed.rowcount:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(pauses).values(name=pause.name, **values))
        except IntegrityError:
            return  # it exists, and lasts longer

    def remove(self, name: str) -> bool:
        """End a pause, whatever its end; False if there was none."""
        removed = self._connection.execute(delete(pauses).where(pauses.c.name == name))
        return removed.rowcount == 1

    def clear_ended(self, name: str, now: datetime) -> None:
        """Forget a pause, unless another run has made it longer."""
        self._connection.execute(delete(pauses).where(pauses.c.name == name, pauses.c.until <= now))
