"""What SQLite says of the plans of statements that are executed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, TextClause, event

from shared.store.tables import metadata

TABLES = set(metadata.tables)


@dataclass(frozen=True, slots=True)
class Plan:
    statement: str
    lines: tuple[str, ...]

    @property
    def scanned(self) -> set[str]:
        """The tables that are read from one end to the other, without an index."""
        scans = (line for line in self.lines if line.startswith("SCAN") and "INDEX" not in line)
        return {line.split()[1] for line in scans} & TABLES

    @property
    def sorts(self) -> bool:
        return any("TEMP B-TREE" in line for line in self.lines)


@contextmanager
def explained(engine: Engine | type[Engine]) -> Iterator[list[Plan]]:
    """Collect the plans of the product's statements on an engine, or on every one.

    INSERTs have none, and what is executed as text is a test's own look.
    """
    plans: list[Plan] = []

    def explain(
        _connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        is_text = context.compiled is None or isinstance(context.compiled.statement, TextClause)
        if not is_text and statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            values = parameters[0] if many else parameters
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append(Plan(statement, tuple(row[3] for row in cursor.fetchall())))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", explain)
