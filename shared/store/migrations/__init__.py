"""Schema migrations (Alembic), run by `python -m shared migrate`.

Alembic is imported where it is used: the functions never migrate, and it would cost each of
their cold starts a third of a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from shared.store.engine import READ_ONLY

if TYPE_CHECKING:
    from alembic.config import Config


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> tuple[str | None, str | None]:
    """Bring the database to the newest schema; returns the revision before and after.

    All in one transaction. Concurrent calls wait for each other: SQLite by its write lock,
    SQL Server by an application lock.
    """
    from alembic import command

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
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def is_migrated(engine: Engine) -> bool:
    """Tell whether the database has a schema of ours, of any revision."""
    with engine.execution_options(**{READ_ONLY: True}).connect() as connection:
        return _revision(connection) is not None


def _revision(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()
