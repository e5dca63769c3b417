"""Schema migrations (Alembic), run by `python -m shared migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from shared.store.engine import READ_ONLY


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> tuple[str | None, str | None]:
    """Bring the database to the newest schema; returns the revision before and after.

    All in one transaction. Concurrent calls wait for each other: SQLite by its write lock,
    SQL Server by an application lock.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "mssql":
            connection.execute(
                text(
                    "EXEC sp_getapplock @Resource = 'oms_migrate', @LockMode = 'Exclusive', "
                    "@LockOwner = 'Transaction', @LockTimeout = 60000"
                )
            )
        before = _revision(connection)
        command.upgrade(_config(connection), "head")
        return before, _revision(connection)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision (`base` for nothing)."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def is_migrated(engine: Engine) -> bool:
    """Tell whether the database has a schema of ours, of any revision."""
    with engine.execution_options(**{READ_ONLY: True}).connect() as connection:
        return _revision(connection) is not None


def head() -> str | None:
    """Return the newest revision that this code knows."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(config).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
