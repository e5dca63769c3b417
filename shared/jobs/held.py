"""HELD batches: the four ways in which a person ends the doubt, for all documents together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus
from shared.domain.thunderhead import BatchReport, CallFailed, NotVisible
from shared.domain.timing import Clock
from shared.errors import ActionRefused
from shared.jobs.audit import Order, refusals_recorded
from shared.jobs.console_models import ActionName, TargetKind
from shared.jobs.outcomes import Recorder
from shared.jobs.ports import Thunderhead
from shared.jobs.queries import Caller
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """A batch that waits for a person, with its documents."""

    batch: Batch
    requests: Sequence[DocumentRequest]


class HeldBatches:
    """Lists what is HELD, and carries out what a person decided.

    `version` is the batch's that the person saw; None stands for the present one. Every action
    raises ActionRefused (nothing was changed) and DatabaseUnavailable, and returns the requests
    as they are then.
    """

    def __init__(
        self, store: Store, thunderhead: Thunderhead, recorder: Recorder, clock: Clock
    ) -> None:
        self._store = store
        self._thunderhead = thunderhead
        self._recorder = recorder
        self._clock = clock

    def waiting(self, limit: int) -> Sequence[HeldBatch]:
        """Return HELD batches, longest held first."""

        def work(tx: Transaction) -> list[HeldBatch]:
            return [
                HeldBatch(batch, tx.batched.of(batch.batch_id, RequestStatus.HELD))
                for batch in tx.batches.held(limit)
            ]

        return self._store.read(work)

    def adopt(
        self,
        batch_id: UUID,
        thunderhead_batch_id: str,
        caller: Caller,
        reason: str,
        *,
        version: int | None = None,
    ) -> Sequence[DocumentRequest]:
        """Take a batch of Thunderhead for ours: it is polled from now on.

        Only if it carries our reference and exactly our documents (after a part of them was
        settled: at least those that are left).
        """
        with self._ordered(ActionName.ADOPT, batch_id, caller, reason, version) as (held, order):
            self._require_ours(held, thunderhead_batch_id)
            now = self._clock()
            values = {
                "thunderhead_batch_id": thunderhead_batch_id,
                "submitted_at": now,
                "due_at": now,
                "terminal_since": None,
                "in_flight": False,
                "failures": 0,
                "polls": 0,
            }
            return self._decide(held, order, BatchState.SUBMITTED, RequestStatus.SUBMITTED, values)

    def resend(
        self, batch_id: UUID, caller: Caller, reason: str, *, version: int | None = None
    ) -> Sequence[DocumentRequest]:
        """Send the identical bytes under the same reference once more.

        Where the tenant does not enforce unique references, and Thunderhead has the first one,
        its documents are generated twice: the person says that it does not.
        """
        with self._ordered(ActionName.RESEND, batch_id, caller, reason, version) as (held, order):
            if len(held.requests) != held.batch.document_count:
                raise ActionRefused(
                    "PARTLY_SETTLED", "Some of its documents have their outcome: it was received."
                )
            now = self._clock()
            values = {
                "resend_ordered_at": now,
                # Whatever the answer to this send: it says nothing about the ones before.
                "unknown_since": held.batch.unknown_since or now,
                "due_at": now,
                "in_flight": False,
                "attempts": 0,
                "failures": 0,
                "thunderhead_batch_id": None,
            }
            return self._decide(
                held, order, BatchState.SUBMITTING, RequestStatus.PROCESSING, values
            )

    def delivered(
        self, batch_id: UUID, caller: Caller, reason: str, *, version: int | None = None
    ) -> Sequence[DocumentRequest]:
        """End all its documents as COMPLETED: the person has seen them."""
        action = ActionName.DELIVERED
        with self._ordered(action, batch_id, caller, reason, version) as (held, order):
            return self._end(held, order, RequestStatus.COMPLETED, None)

    def abandon(
        self, batch_id: UUID, caller: Caller, reason: str, *, version: int | None = None
    ) -> Sequence[DocumentRequest]:
        """End all its documents as FAILED (ABANDONED); they may be reprocessed then."""
        failure = Failure(
            FailureCategory.ABANDONED,
            "ABANDONED",
            "Nobody could tell whether Thunderhead has it; an operator gave it up.",
        )
        with self._ordered(ActionName.ABANDON, batch_id, caller, reason, version) as (held, order):
            return self._end(held, order, RequestStatus.FAILED, failure)

    @contextmanager
    def _ordered(
        self,
        action: ActionName,
        batch_id: UUID,
        caller: Caller,
        reason: str,
        version: int | None,
    ) -> Iterator[tuple[HeldBatch, Order]]:
        """Give the batch that an order is for; a refusal of the order is recorded."""
        order = Order(self._clock(), caller, action, TargetKind.BATCH, str(batch_id), reason)
        with refusals_recorded(self._store, order):
            yield self._held(batch_id, version), order

    def _held(self, batch_id: UUID, version: int | None) -> HeldBatch:
        def work(tx: Transaction) -> HeldBatch | None:
            batch = tx.batches.get(batch_id)
            if batch is None:
                return None
            return HeldBatch(batch, tx.batched.of(batch_id, RequestStatus.HELD))

        held = self._store.read(work)
        if held is None:
            raise ActionRefused("NO_SUCH_BATCH", "There is no batch with this id.")
        if held.batch.state is not BatchState.HELD:
            raise ActionRefused("NOT_HELD", f"The batch is {held.batch.state}, not HELD.")
        if version not in (None, held.batch.version) or not held.requests:
            raise _changed_meanwhile()
        return held

    def _require_ours(self, held: HeldBatch, vendor_id: str) -> None:
        traceparent = held.requests[0].traceparent
        match self._thunderhead.poll(vendor_id, traceparent):
            case CallFailed(reason):
                raise _unavailable(reason)
            case NotVisible():
                raise ActionRefused("NOT_OURS", f"Thunderhead knows no batch {vendor_id}.")
            case BatchReport(client_reference=reference):
                if reference != held.batch.client_reference:
                    raise ActionRefused(
                        "NOT_OURS", f"Thunderhead's batch {vendor_id} has another reference."
                    )
        documents = self._thunderhead.documents(vendor_id, traceparent)
        if isinstance(documents, CallFailed):
            raise _unavailable(documents.reason)
        ours = {str(request.request_id) for request in held.requests}
        is_whole = len(held.requests) == held.batch.document_count
        if not (set(documents) == ours if is_whole else set(documents) >= ours):
            raise ActionRefused(
                "NOT_OURS", f"Thunderhead's batch {vendor_id} holds other documents."
            )

    def _end(
        self, held: HeldBatch, order: Order, status: RequestStatus, failure: Failure | None
    ) -> Sequence[DocumentRequest]:
        values = {"settled_at": self._clock()}
        return self._decide(held, order, BatchState.SETTLED, status, values, failure)

    def _decide(
        self,
        held: HeldBatch,
        order: Order,
        state: BatchState,
        status: RequestStatus,
        values: Mapping[str, Any],
        failure: Failure | None = None,
    ) -> Sequence[DocumentRequest]:
        """Write a decision: the batch row first (it is the fence), then all its requests."""
        batch, now = held.batch, self._clock()

        def work(tx: Transaction) -> Sequence[DocumentRequest]:
            if not tx.batches.decide(batch, state, now, **values):
                raise _changed_meanwhile()
            requests = tx.batched.change_status(
                batch.batch_id, RequestStatus.HELD, status, now, failure=failure
            )
            self._recorder.record(
                tx,
                requests,
                RequestStatus.HELD,
                now,
                actor=order.caller.name,
                reason=order.reason,
            )
            tx.operator_actions.add(order.done())
            return requests

        requests = self._store.write(work)
        _logger.info(
            "held batch resolved",
            extra={"oms.batchId": batch.client_reference, "oms.status": status.value},
        )
        return requests


def _changed_meanwhile() -> ActionRefused:
    return ActionRefused("CHANGED_MEANWHILE", "The batch has changed since; look at it again.")


def _unavailable(reason: str) -> ActionRefused:
    return ActionRefused(
        "THUNDERHEAD_UNAVAILABLE", f"Thunderhead cannot be asked ({reason}); try again later."
    )
