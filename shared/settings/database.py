"""The database."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.errors import SettingsError
from shared.settings.environment import Environment

DEFAULT_DATABASE_URL = "sqlite:///oms.db"


class DatabaseSettings(Environment):
    """What a migration needs."""

    database_url: SecretStr = Field(
        SecretStr(DEFAULT_DATABASE_URL),
        description="SQLAlchemy URL of the database: `mssql+pyodbc://…` or `sqlite:///…`. "
        "Without user and password: Entra ID. Required outside `local`.",
    )

    @model_validator(mode="after")
    def _has_database(self) -> Self:
        if not self.is_local and "database_url" not in self.model_fields_set:
            raise SettingsError("OMS_DATABASE_URL: required")
        if not re.match(r"(sqlite|mssql\+pyodbc):", self.database_url.get_secret_value()):
            raise SettingsError("OMS_DATABASE_URL: must begin with sqlite: or mssql+pyodbc:")
        return self
