from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_mock_engine, inspect

from shared.composition import open_store
from shared.store import migrations
from shared.store.engine import create_engine
from shared.store.tables import metadata

SCRIPTS = ScriptDirectory(str(Path(migrations.__file__).parent))
HEAD = SCRIPTS.get_current_head()


def _migrate(url: str) -> tuple[str | None, str | None]:
    store = open_store(url)
    try:
        return store.migrate()
    finally:
        store.close()


def test_nothing_becomes_the_newest_schema_and_stays_so(empty_database_url: str) -> None:
    store = open_store(empty_database_url)
    assert not store.is_migrated()
    assert store.migrate() == (None, HEAD)
    assert store.migrate() == (HEAD, HEAD)
    assert store.is_migrated()
    store.close()


def test_four_processes_may_migrate_at_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        results = [pool.submit(_migrate, empty_database_url) for _ in range(4)]
        before = sorted(str(future.result()[0]) for future in results)
    assert before == sorted(["None", *[str(HEAD)] * 3])


def test_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    assert not migrations.is_migrated(engine)
    assert migrations.upgrade(engine) == (None, HEAD)
    engine.dispose()


@pytest.mark.sqlite_only("what SQL Server would be sent is compared below")
def test_the_migrated_schema_is_that_of_the_tables(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.tables.values():
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            expected = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            assert checks == expected, table.name
            where = {
                str(index.name): str(index.dialect_options["sqlite"]["where"])
                for index in table.indexes
                if index.dialect_options["sqlite"]["where"] is not None
            }
            migrated = {
                str(index["name"]): str(index["dialect_options"]["sqlite_where"])
                for index in found.get_indexes(table.name)
                if "sqlite_where" in index.get("dialect_options", {})
            }
            assert migrated == where, table.name
    engine.dispose()


def test_the_migrations_are_the_tables_on_sql_server_too() -> None:
    """The statements that migrations would send to SQL Server are those of the tables."""
    migrated, declared = _sql_server_ddl()
    assert sorted(migrated) == sorted(declared)


def _sql_server_ddl() -> tuple[list[str], list[str]]:
    from tests.integration.store.recording import to_sql_server

    migrated: list[str] = []
    context = MigrationContext.configure(
        dialect_name="mssql",
        opts={"as_sql": True, "output_buffer": _Lines(migrated)},
    )
    with Operations.context(context):
        for revision in reversed(list(SCRIPTS.walk_revisions())):
            revision.module.upgrade()
    declared: list[str] = []
    metadata.create_all(
        create_mock_engine(
            "mssql+pyodbc://",
            lambda sql, *_, **__: declared.append(_normal(to_sql_server(sql))),
        ),
        checkfirst=False,
    )
    return _split(migrated), _split(declared)


class _Lines:
    """What Alembic writes its statements to."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        self._lines.append(_normal(text))

    def flush(self) -> None:
        """Nothing to do."""


def _normal(sql: str) -> str:
    return " ".join(sql.split()).rstrip(";")


def _split(statements: list[str]) -> list[str]:
    """Leave out batch separators; order the parts of a table, which may differ."""
    found = []
    for statement in statements:
        if statement in ("", "GO"):
            continue
        head, _, rest = statement.partition(" (")
        parts = rest.rstrip(" )").split(", ")
        found.append(f"{head} ({', '.join(sorted(part.strip(' )') for part in parts))})")
    return found
