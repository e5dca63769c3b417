"""Access tokens of Microsoft Entra ID in place of a password for Azure SQL."""

from __future__ import annotations

import functools
import re
import struct
from typing import Any

from sqlalchemy import URL, Dialect

from shared.errors import DatabaseUnavailable, SettingsError

SCOPE = "https://database.windows.net/.default"
ACCESS_TOKEN_ATTRIBUTE = 1256
"""SQL_COPT_SS_ACCESS_TOKEN: to be set before the connection is made."""

_KEYWORD = re.compile(r"(?:^|;)\s*([^=;{}]+?)\s*=")
_CREDENTIALS = frozenset({"pwd", "password", "authentication", "trusted_connection", "dsn"})
"""What says in a connection string how to log in; a data source (DSN) may say it elsewhere."""


def is_needed(address: URL) -> bool:
    """Tell whether a database URL leaves it to us how to log in. Raises SettingsError."""
    named = _keywords(address)
    if named & _CREDENTIALS:
        return False
    if named & {"uid", "user"}:
        raise SettingsError(
            "OMS_DATABASE_URL: a user without a password; leave both out for Entra ID"
        )
    return True


def connect(dialect: Dialect, _record: Any, arguments: Any, keywords: dict[str, Any]) -> Any:
    """Make a connection with an access token of its own. Raises DatabaseUnavailable."""
    connection_string, *others = arguments
    # SQLAlchemy's default for URLs without a user; the driver takes no token beside it.
    connection_string = connection_string.replace(";Trusted_Connection=Yes", "")
    attributes = {ACCESS_TOKEN_ATTRIBUTE: token_structure(_access_token())}
    return dialect.connect(connection_string, *others, **keywords, attrs_before=attributes)


def token_structure(token: str) -> bytes:
    """Write a token as the driver takes it: the length in bytes, then UTF-16."""
    text = token.encode("utf-16-le")
    return struct.pack(f"<I{len(text)}s", len(text), text)


def _keywords(address: URL) -> frozenset[str]:
    odbc = address.query.get("odbc_connect")
    if odbc is not None:
        return frozenset(name.strip().lower() for name in _KEYWORD.findall(str(odbc)))
    named = {name.lower() for name in address.query}
    if address.username:
        named.add("uid")
    if address.password:
        named.add("pwd")
    if not address.database:
        named.add("dsn")
    return frozenset(named)


def _access_token() -> str:
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    try:
        # The SDK keeps the token, and gets a new one in time.
        token: str = _credential().get_token(SCOPE).token
    except AzureError as error:
        raise DatabaseUnavailable(
            f"no access token for the database ({type(error).__name__})"
        ) from error
    return token


@functools.cache
def _credential() -> Any:
    # Here, because it costs a cold start 270 ms that only this way to log in needs.
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential()
