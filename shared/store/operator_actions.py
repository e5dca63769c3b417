"""SQL of operator_actions: append, and read back newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from shared.jobs.console_models import ActionFilter, ActionName, OperatorAction, TargetKind
from shared.store.statements import insert_rows
from shared.store.tables import operator_actions

a = operator_actions.c


class OperatorActionsTable:
    """Port `OperatorActions` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, action: OperatorAction) -> None:
        """Keep an action; the database gives it its number."""
        row = {
            "at": action.at,
            "actor": action.actor,
            "action": action.action.value,
            "target_kind": action.target_kind.value,
            "target_id": action.target_id,
            "reason": action.reason,
            "outcome": action.outcome,
        }
        insert_rows(self._connection, operator_actions, [row])

    def page(self, where: ActionFilter, limit: int, before: int | None) -> Sequence[OperatorAction]:
        """Return actions, newest first, that come after a number."""
        equals = (
            (a.actor, where.actor),
            (a.action, where.action and where.action.value),
            (a.target_kind, where.target_kind and where.target_kind.value),
            (a.target_id, where.target_id),
        )
        statement = select(operator_actions).where(
            *(column == value for column, value in equals if value is not None)
        )
        if before is not None:
            statement = statement.where(a.action_id < before)
        statement = statement.order_by(a.action_id.desc()).limit(limit)
        return [_to_action(row) for row in self._connection.execute(statement)]


def _to_action(row: Row[Any]) -> OperatorAction:
    return OperatorAction(
        row.at,
        row.actor,
        ActionName(row.action),
        TargetKind(row.target_kind),
        row.target_id,
        row.reason,
        row.outcome,
        row.action_id,
    )
