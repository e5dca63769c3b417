"""Users of the database: what runs gets rows, what migrates gets tables, and nothing more.

Run it as the administrator of the database, after each provisioning; it may run any number of
times. `OMS_DATABASE_URL` names the database; logged in is whoever `az login` or `azd auth login`
logged in. The statements are T-SQL: they have never run here, where there is no SQL Server.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from shared.errors import SettingsError
from shared.settings import load_settings
from shared.settings.database import DatabaseSettings
from shared.store.engine import create_engine

ROLE = "oms_runtime"


@dataclass(frozen=True, slots=True)
class Identity:
    """A managed identity, as the database knows it. Raises ValueError for another's name."""

    name: str
    client_id: UUID

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", self.name):
            raise ValueError("not the name of a managed identity")

    @property
    def sid(self) -> str:
        """What identifies it: so no directory has to be asked, which the server may not do."""
        return "0x" + self.client_id.bytes_le.hex().upper()


def statements(runtime: Identity, migration: Identity) -> Iterator[str]:
    """Yield the statements, each to be committed by itself; all of them may be repeated."""
    for identity in (runtime, migration):
        yield from _user(identity)
    yield f"IF DATABASE_PRINCIPAL_ID(N'{ROLE}') IS NULL CREATE ROLE [{ROLE}]"
    # Of the schema: so a table of the next migration is included before the code that needs it.
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::dbo TO [{ROLE}]"
    yield f"ALTER ROLE [{ROLE}] ADD MEMBER [{runtime.name}]"
    for powerful in ("db_owner", "db_ddladmin", "db_securityadmin"):
        yield (
            f"IF IS_ROLEMEMBER(N'{powerful}', N'{runtime.name}') = 1 "
            f"ALTER ROLE [{powerful}] DROP MEMBER [{runtime.name}]"
        )
    # A migration changes tables, and may move rows.
    for needed in ("db_ddladmin", "db_datareader", "db_datawriter"):
        yield f"ALTER ROLE [{needed}] ADD MEMBER [{migration.name}]"


def _user(identity: Identity) -> Iterator[str]:
    # An identity that was deleted and made anew has the same name and another sid.
    yield (
        "IF EXISTS (SELECT 1 FROM sys.database_principals "
        f"WHERE name = N'{identity.name}' AND sid <> {identity.sid}) DROP USER [{identity.name}]"
    )
    yield (
        f"IF DATABASE_PRINCIPAL_ID(N'{identity.name}') IS NULL "
        f"CREATE USER [{identity.name}] WITH SID = {identity.sid}, TYPE = E"
    )


def main() -> int:
    """Make the users; prints each statement, as there is nothing secret in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in ("runtime", "migration"):
        parser.add_argument(f"--{kind}-name", required=True)
        parser.add_argument(f"--{kind}-client-id", type=UUID, required=True)
    parser.add_argument("--print", action="store_true", help="print the statements, run none")
    options = parser.parse_args()
    try:
        runtime = Identity(options.runtime_name, options.runtime_client_id)
        migration = Identity(options.migration_name, options.migration_client_id)
        wanted = list(statements(runtime, migration))
        if options.print:
            print(*wanted, sep="\n")
            return 0
        settings = load_settings(DatabaseSettings)
        engine = create_engine(settings.database_url.get_secret_value())
        if engine.dialect.name != "mssql":
            raise SettingsError("OMS_DATABASE_URL: must begin with mssql+pyodbc:")
    except (SettingsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for statement in wanted:
        print(statement, flush=True)
        with engine.begin() as connection:
            connection.execute(text(statement))
    return 0


if __name__ == "__main__":
    sys.exit(main())
