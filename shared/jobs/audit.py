"""The audit: who ordered what, when and why, what came of it, and who read what.

An order that was carried out is recorded in the transaction that carried it out; a refused one
in a transaction of its own. No personal data: ids, names of ours, the operator's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.errors import ActionRefused, ReferenceDataUnavailable, RequestNotFound
from shared.jobs.console_models import (
    DONE,
    ActionFilter,
    ActionName,
    OperatorAction,
    TargetKind,
)
from shared.jobs.queries import Caller
from shared.jobs.storage import Store


@dataclass(frozen=True, slots=True)
class Order:
    """What a person ordered, before it is clear what comes of it."""

    at: datetime
    caller: Caller
    action: ActionName
    target_kind: TargetKind
    target_id: str
    reason: str | None

    def done(self) -> OperatorAction:
        """Return the record of an order that was carried out."""
        return self._with(DONE)

    def refused(self, code: str) -> OperatorAction:
        """Return the record of an order that changed nothing, and why."""
        return self._with(code)

    def _with(self, outcome: str) -> OperatorAction:
        return OperatorAction(
            self.at,
            self.caller.name,
            self.action,
            self.target_kind,
            self.target_id,
            self.reason,
            outcome,
        )


@contextmanager
def refusals_recorded(store: Store, order: Order | None) -> Iterator[None]:
    """Record an order that is refused within, and let the refusal pass on.

    None: nobody ordered it (a source system takes its own request back).
    """
    try:
        yield
    except (ActionRefused, RequestNotFound, ReferenceDataUnavailable) as refusal:
        if order:
            record = order.refused(code_of(refusal))
            store.write(lambda tx: tx.operator_actions.add(record))
        raise


def code_of(refusal: ActionRefused | RequestNotFound | ReferenceDataUnavailable) -> str:
    """Return the code of what speaks against an order."""
    match refusal:
        case ActionRefused(code=code):
            return code
        case RequestNotFound():
            return "NO_SUCH_REQUEST"
        case _:
            return "REFERENCE_DATA_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Some actions, newest first, and where the next page begins."""

    actions: Sequence[OperatorAction]
    next_position: int | None


class Audit:
    """Reads what operators did. Raises DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self, where: ActionFilter, limit: int, before: int | None, caller: Caller
    ) -> ActionPage:
        """Return a page, newest first; `before` is the previous page's end.

        A caller who is not entitled to every source system sees none: an action may concern
        any of them.
        """
        if not caller.sees_all:
            return ActionPage((), None)
        found = self._store.read(lambda tx: tx.operator_actions.page(where, limit + 1, before))
        if len(found) <= limit:
            return ActionPage(found, None)
        return ActionPage(found[:limit], found[limit - 1].action_id)
