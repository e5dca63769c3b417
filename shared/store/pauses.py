"""SQL of pauses: which dependency is not to be called before when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from shared.domain.models import Pause
from shared.store.statements import upsert
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

    def set(self, pause: Pause) -> None:
        """Store a pause."""
        upsert(
            self._connection,
            pauses,
            "name",
            {
                "name": pause.name,
                "since": pause.since,
                "until": pause.until,
                "failures": pause.failures,
                "reason": pause.reason[:1000],
                "actor": pause.actor,
            },
        )

    def clear_ended(self, name: str, now: datetime) -> None:
        """Forget a pause, unless another run has made it longer."""
        self._connection.execute(delete(pauses).where(pauses.c.name == name, pauses.c.until <= now))
