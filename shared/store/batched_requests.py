"""SQL of document_requests that a batch owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Update, select, update

from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.statuses import RequestStatus
from shared.store import request_details
from shared.store.request_rows import ROW, terminal_values, to_request, with_event_details
from shared.store.statements import chunks, setting
from shared.store.tables import document_requests

r = document_requests.c

DOCUMENTS_PER_STATEMENT = 500
"""SQL Server escalates to a table lock at about 5,000 locks, of which a document may take a few."""


class BatchedRequestsTable:
    """Port `BatchedRequests` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, batch_id: UUID, status: RequestStatus) -> Sequence[DocumentRequest]:
        """Return the requests of a batch in a status, with metadata, ordered by id."""
        rows = self._connection.execute(
            select(*ROW).where(r.batch_id == batch_id, r.status == status.value)
        )
        # Ordered here: SQL Server orders a uniqueidentifier by its last bytes first.
        requests = sorted((to_request(row) for row in rows), key=lambda q: q.request_id.int)
        return request_details.with_metadata(self._connection, requests)

    def submitted_in(self, batch_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[tuple[UUID, str]]]:
        """Return the SUBMITTED requests of batches: ids with their traceparents."""
        found: dict[UUID, list[tuple[UUID, str]]] = {batch_id: [] for batch_id in batch_ids}
        for some in chunks(batch_ids):
            for row in self._connection.execute(
                select(r.batch_id, r.request_id, r.traceparent).where(
                    r.batch_id.in_(some), r.status == RequestStatus.SUBMITTED.value
                )
            ):
                found[row.batch_id].append((row.request_id, row.traceparent))
        return found

    def move(self, request_ids: Sequence[UUID], old: UUID, new: UUID) -> int:
        """Hand PROCESSING requests of one batch to another; returns how many moved."""
        moved = 0
        for some in chunks(request_ids):
            moved += self._connection.execute(
                update(document_requests)
                .where(
                    r.request_id.in_(some),
                    r.batch_id == old,
                    r.status == RequestStatus.PROCESSING.value,
                )
                .values(batch_id=new, version=r.version + 1)
            ).rowcount
        return moved

    def note_submitted(
        self, batches: Sequence[Batch], before: RequestStatus, now: datetime
    ) -> Set[UUID]:
        """Move the requests of batches from a status to SUBMITTED; returns which moved."""
        moved: set[UUID] = set()
        for some in _pieces(batches):
            moved.update(
                self._connection.scalars(
                    update(document_requests)
                    .where(
                        r.batch_id.in_([batch.batch_id for batch in some]),
                        r.status == before.value,
                    )
                    .values(
                        status=RequestStatus.SUBMITTED.value,
                        submitted_at=now,
                        waiting_since=now,
                        updated_at=now,
                        version=r.version + 1,
                    )
                    .returning(r.request_id)
                )
            )
        return moved

    def change_status(
        self,
        batch_id: UUID,
        before: RequestStatus,
        after: RequestStatus,
        now: datetime,
        *,
        request_ids: Sequence[UUID] | None = None,
        failure: Failure | None = None,
    ) -> Sequence[DocumentRequest]:
        """Move the requests of a batch from one status to another, those listed or all.

        Returns the rows that changed; whole where the status is terminal.
        """
        values: dict[str, Any] = {"status": after.value, "waiting_since": now}
        if after.is_terminal:
            values = terminal_values(after, failure, now)
        statement = (
            update(document_requests)
            .where(r.batch_id == batch_id, r.status == before.value)
            .values(updated_at=now, version=r.version + 1, **setting(values))
            .returning(*ROW)
        )
        pieces: list[Update] = [statement]
        if request_ids is not None:
            pieces = [statement.where(r.request_id.in_(some)) for some in chunks(request_ids)]
        rows = [to_request(row) for piece in pieces for row in self._connection.execute(piece)]
        return with_event_details(self._connection, rows) if after.is_terminal else rows

    def note_generated_late(
        self, batch_id: UUID, request_ids: Sequence[UUID], now: datetime
    ) -> Sequence[DocumentRequest]:
        """Note that documents which had timed out were generated after all."""
        noted: list[DocumentRequest] = []
        for some in chunks(request_ids):
            statement = (
                update(document_requests)
                .where(
                    r.batch_id == batch_id,
                    r.status == RequestStatus.FAILED.value,
                    r.generated_late_at.is_(None),
                    r.request_id.in_(some),
                )
                .values(generated_late_at=now, updated_at=now, version=r.version + 1)
                .returning(*ROW)
            )
            noted.extend(to_request(row) for row in self._connection.execute(statement))
        return noted

    def add_outputs(self, requests: Sequence[DocumentRequest]) -> None:
        """Keep what was generated for requests."""
        request_details.insert_outputs(self._connection, requests)


def _pieces(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """Cut batches into pieces of a few documents, or of one batch that has more."""
    piece: list[Batch] = []
    documents = 0
    for batch in batches:
        documents += batch.document_count
        if piece and documents > DOCUMENTS_PER_STATEMENT:
            yield piece
            piece, documents = [], batch.document_count
        piece.append(batch)
    if piece:
        yield piece
