"""Schema migrations (Alembic), run by `python -m shared migrate`.

Alembic is imported where it is used: the functions never migrate, and it would cost each of
their cold starts a third of a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from shared.errors import DatabaseUnavailable
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
            _lock(connection)
        before = _revision(connection)
        command.upgrade(_config(connection), "head")
        return before, _revision(connection)


def _lock(connection: Connection) -> None:
    """Wait for other migrations, until the transaction ends. Raises DatabaseUnavailable."""
    # A statement that reads opens the transaction, which EXEC alone need not do.
    connection.execute(text("SELECT TOP 1 1 FROM sys.objects")).all()
    result = connection.execute(
        text(
            "DECLARE @result int; "
            "EXEC @result = sp_getapplock @Resource = 'oms_migrate', @LockMode = 'Exclusive', "
            "@LockOwner = 'Transaction', @LockTimeout = 60000; "
            "SELECT @result"
        )
    ).scalar_one()
    if result < 0:
        raise DatabaseUnavailable(f"another migration holds the lock ({result})")


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
