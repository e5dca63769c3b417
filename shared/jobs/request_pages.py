"""One request with everything that is known of it; its content only for whom it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.domain import strict_json, transaction_data
from shared.domain.models import DocumentRequest, HistoryEntry
from shared.domain.timing import Clock
from shared.errors import ActionRefused, RequestNotFound
from shared.jobs.audit import Order, refusals_recorded
from shared.jobs.console_models import (
    ActionName,
    BatchRecord,
    RecordedMessage,
    StoredEvent,
    TargetKind,
)
from shared.jobs.queries import Caller
from shared.jobs.storage import Store, Transaction

MOST_MESSAGES = 100
"""Job messages that are shown of each batch."""


@dataclass(frozen=True, slots=True)
class CarriedBy:
    """A batch that carries, or carried, a request: its enrichment and what Thunderhead made of it.

    The enrichment as sent is `record.batch.batch_config_id` and `.properties`; the topic is the
    request's `event_topic`, or that of the generation's event.
    """

    record: BatchRecord
    messages: Sequence[RecordedMessage]
    """About the batch and about this request, at most MOST_MESSAGES. Personal data."""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Everything about a request but its content."""

    request: DocumentRequest
    history: Sequence[HistoryEntry]
    """Oldest first, over all generations."""
    batches: Sequence[CarriedBy]
    """Over all generations, oldest first; which generation: the history's `batch_id`."""
    events: Sequence[StoredEvent]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class TransactionData:
    """What a batch carries, or would carry, for one request."""

    data: bytes
    data_type: str
    """`application/xml` or `application/json`."""


class RequestPages:
    """Shows a request. Raises RequestNotFound and DatabaseUnavailable."""

    def __init__(self, store: Store, data_type: str, clock: Clock) -> None:
        self._store = store
        self._data_type = data_type
        self._clock = clock

    def get(self, request_id: UUID, caller: Caller) -> RequestPage:
        """Return a request with its history, batches and events."""

        def work(tx: Transaction) -> RequestPage:
            request = _visible(tx, request_id, caller)
            history = tx.history.of(request_id)
            ids = {entry.batch_id for entry in history} | {request.batch_id}
            records = tx.batches.records(sorted(one for one in ids if one))
            return RequestPage(
                request,
                history,
                [
                    CarriedBy(
                        record,
                        tx.batches.messages(record.batch.batch_id, MOST_MESSAGES, about=request_id),
                    )
                    for record in records
                ],
                tx.outbox.of(request_id),
            )

        return self._store.read(work)

    def content(self, request_id: UUID, caller: Caller, reason: str | None = None) -> str:
        """Return the content JSON as it was sent, and record who read it.

        Raises ActionRefused (CONTENT_REMOVED) once its retention has ended.
        """
        _, text = self._read(request_id, caller, ActionName.READ_CONTENT, reason)
        return text

    def transaction_data(
        self, request_id: UUID, caller: Caller, reason: str | None = None
    ) -> TransactionData:
        """Return what Thunderhead gets for a request, byte for byte, and record who read it.

        Made again from the content, as a batch is that has to be sent again. Raises
        ActionRefused: CONTENT_REMOVED, or CONTENT_UNUSABLE where nothing can be made of it.
        """
        action = ActionName.READ_TRANSACTION_DATA
        request, text = self._read(request_id, caller, action, reason)
        data_type = self._data_type
        if request.batch_id:
            ids = [request.batch_id]
            records = self._store.read(lambda tx: tx.batches.records(ids))
            data_type = records[0].batch.transaction_data_type if records else data_type
        try:
            content = strict_json.stored(text)
            data = transaction_data.render(request, content, data_type)
        except ValueError as error:
            raise ActionRefused(
                "CONTENT_UNUSABLE", "The content cannot be written as transaction data."
            ) from error
        return TransactionData(data, data_type)

    def _read(
        self, request_id: UUID, caller: Caller, action: ActionName, reason: str | None
    ) -> tuple[DocumentRequest, str]:
        order = Order(self._clock(), caller, action, TargetKind.REQUEST, str(request_id), reason)

        def work(tx: Transaction) -> tuple[DocumentRequest, str]:
            request = _visible(tx, request_id, caller)
            text = tx.requests.contents([request_id]).get(request_id)
            if text is None:
                raise ActionRefused(
                    "CONTENT_REMOVED", "Its content was removed when its retention ended."
                )
            tx.operator_actions.add(order.done())
            return request, text

        with refusals_recorded(self._store, order):
            return self._store.write(work)


def _visible(tx: Transaction, request_id: UUID, caller: Caller) -> DocumentRequest:
    request = tx.requests.get(request_id)
    if request is None or not caller.may_use(request.source_system):
        raise RequestNotFound(str(request_id))
    return request
