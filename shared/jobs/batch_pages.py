"""Batches as operators see them, and the poll that they may order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.domain.statuses import BatchState
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs.audit import Order, refusals_recorded
from shared.jobs.console_models import (
    ActionName,
    BatchFilter,
    BatchRecord,
    Position,
    RecordedMessage,
    TargetKind,
)
from shared.jobs.queries import Caller, Page, Queries
from shared.jobs.request_storage import RequestFilter
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)

MOST_MESSAGES = 200
"""Job messages that are shown of a batch."""


@dataclass(frozen=True, slots=True)
class BatchList:
    """Some batches, newest first, and where the next page begins."""

    batches: Sequence[BatchRecord]
    next_position: Position | None


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A batch with what Thunderhead said of it."""

    record: BatchRecord
    messages: Sequence[RecordedMessage]
    """In the order they came, at most MOST_MESSAGES. Personal data."""
    has_more_messages: bool


class BatchPages:
    """Shows batches, and makes one due. Raises DatabaseUnavailable.

    A batch carries documents of any source system: who is not entitled to all of them sees
    none (their own requests, and who carries them, are in RequestPages).
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def page(
        self, where: BatchFilter, limit: int, before: Position | None, caller: Caller
    ) -> BatchList:
        """Return a page of batches, newest first; `before` is the previous page's end."""
        if not caller.sees_all:
            return BatchList((), None)
        found = self._store.read(lambda tx: tx.batches.page(where, limit + 1, before))
        if len(found) <= limit:
            return BatchList(found, None)
        last = found[limit - 1].batch
        return BatchList(found[:limit], (last.created_at, last.batch_id))

    def get(self, batch_id: UUID, caller: Caller) -> BatchPage:
        """Return one batch. Raises ActionRefused (NO_SUCH_BATCH)."""

        def work(tx: Transaction) -> BatchPage:
            record = _known(tx, batch_id, caller)
            messages = tx.batches.messages(batch_id, MOST_MESSAGES + 1)
            return BatchPage(record, messages[:MOST_MESSAGES], len(messages) > MOST_MESSAGES)

        return self._store.read(work)

    def documents(
        self, batch_id: UUID, limit: int, before: Position | None, caller: Caller
    ) -> Page:
        """Return the requests that the batch carries now, newest first.

        Those that went on (split into another batch, or reprocessed) are not among them.
        """
        where = RequestFilter(batch_ids=(str(batch_id),))
        return Queries(self._store).page(where, limit, before, caller)

    def poll_now(
        self, batch_id: UUID, caller: Caller, reason: str, *, version: int | None = None
    ) -> None:
        """Make a SUBMITTED batch due: the next run of the monitoring job polls it.

        `version` is the one that the person saw. Raises ActionRefused (nothing was changed):
        NO_SUCH_BATCH, NOT_SUBMITTED, CHANGED_MEANWHILE, BEING_POLLED.
        """
        now = self._clock()
        order = Order(now, caller, ActionName.POLL_NOW, TargetKind.BATCH, str(batch_id), reason)

        def work(tx: Transaction) -> None:
            batch = _known(tx, batch_id, caller).batch
            if batch.state is not BatchState.SUBMITTED:
                raise ActionRefused(
                    "NOT_SUBMITTED", f"Only a SUBMITTED batch is polled; this one is {batch.state}."
                )
            if version not in (None, batch.version):
                raise ActionRefused(
                    "CHANGED_MEANWHILE", "The batch has changed since; look at it again."
                )
            if not tx.batches.make_due(batch, now):
                raise ActionRefused("BEING_POLLED", "A run is polling it at this moment.")
            tx.operator_actions.add(order.done())

        with refusals_recorded(self._store, order):
            self._store.write(work)
        _logger.info("batch made due", extra={"oms.batchId": str(batch_id)})


def _known(tx: Transaction, batch_id: UUID, caller: Caller) -> BatchRecord:
    records = tx.batches.records([batch_id]) if caller.sees_all else ()
    if not records:
        raise ActionRefused("NO_SUCH_BATCH", "There is no batch with this id.")
    return records[0]
