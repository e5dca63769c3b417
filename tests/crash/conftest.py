from __future__ import annotations

# The same peers and databases as the commands' tests.
from tests.integration.commands.conftest import start
from tests.integration.conftest import database_url, migrated_file, server_databases

__all__ = ["database_url", "migrated_file", "server_databases", "start"]
