"""SQL of status_history: append, and read back in order."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, select

from shared.domain.models import HistoryEntry
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.store.statements import insert_rows
from shared.store.tables import status_history


class HistoryTable:
    """Port `History` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        """Append transitions."""
        insert_rows(
            self._connection,
            status_history,
            [
                {
                    "request_id": entry.request_id,
                    "generation": entry.generation,
                    "from_status": entry.from_status.value if entry.from_status else None,
                    "to_status": entry.to_status.value,
                    "at": entry.at,
                    "actor": entry.actor,
                    "reason": entry.reason,
                    "run_id": entry.run_id,
                    "batch_id": entry.batch_id,
                    "failure_category": (
                        entry.failure_category.value if entry.failure_category else None
                    ),
                    "failure_code": entry.failure_code,
                }
                for entry in entries
            ],
        )

    def of(self, request_id: UUID) -> Sequence[HistoryEntry]:
        """Return a request's transitions, oldest first."""
        rows = self._connection.execute(
            select(status_history)
            .where(status_history.c.request_id == request_id)
            .order_by(status_history.c.history_id)
        )
        return [
            HistoryEntry(
                row.request_id,
                row.generation,
                RequestStatus(row.from_status) if row.from_status else None,
                RequestStatus(row.to_status),
                row.at,
                row.actor,
                row.reason,
                row.run_id,
                row.batch_id,
                FailureCategory(row.failure_category) if row.failure_category else None,
                row.failure_code,
            )
            for row in rows
        ]
