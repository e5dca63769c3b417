from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any
from urllib.parse import quote_plus

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from sqlalchemy import Engine

from shared.errors import DatabaseUnavailable, SettingsError
from shared.store import entra
from shared.store.database import SqlStore
from shared.store.engine import create_engine
from tests.unit.store.fake_pyodbc import FakePyodbc

DRIVER = "driver=ODBC+Driver+18+for+SQL+Server"


def odbc(connection_string: str) -> str:
    return f"mssql+pyodbc:///?odbc_connect={quote_plus(connection_string)}"


TOKENS_NEEDED = [
    f"mssql+pyodbc://server/db?{DRIVER}",
    f"mssql+pyodbc://server:1433/db?{DRIVER}&Encrypt=yes",
    odbc("DRIVER={ODBC Driver 18};SERVER=server;DATABASE=db"),
    odbc("Driver=x;Server=tcp:server,1433;Database=db;Encrypt=yes;APP=a password is no keyword"),
]
OWN_CREDENTIALS = [
    f"mssql+pyodbc://user:secret@server/db?{DRIVER}",
    f"mssql+pyodbc://server/db?{DRIVER}&Authentication=ActiveDirectoryMsi",
    f"mssql+pyodbc://server/db?{DRIVER}&Trusted_Connection=yes",
    odbc("DRIVER=x;SERVER=s;UID=user;PWD=secret"),
    odbc("driver=x;server=s;uid=user; pwd = secret"),
    odbc("DRIVER=x;SERVER=s;Authentication=ActiveDirectoryMsi;UID=client"),
    odbc("DRIVER=x;SERVER=s;Trusted_Connection=Yes"),
    odbc("DSN=oms"),
    "mssql+pyodbc://oms",
]


class Credential:
    """Gives another token each time; the SDK would keep one until it has nearly expired."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        return AccessToken(f"token {len(self.scopes)}", 0)


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> Credential:
    given = Credential()
    monkeypatch.setattr(entra, "_credential", lambda: given)
    return given


def connect(engine: Engine, count: int) -> None:
    """Open so many physical connections, and give them back to the pool."""
    opened = [engine.connect() for _ in range(count)]
    for connection in opened:
        connection.close()


def token_of(keywords: dict[str, Any]) -> str:
    """Read a token as the driver does."""
    structure = keywords["attrs_before"][1256]
    (length,) = struct.unpack_from("<I", structure)
    assert len(structure) == 4 + length
    return str(structure[4:], "utf-16-le")


def test_the_driver_gets_the_length_in_bytes_and_utf_16() -> None:
    assert entra.token_structure("aé") == b"\x04\x00\x00\x00a\x00\xe9\x00"


@pytest.mark.parametrize("url", TOKENS_NEEDED)
def test_each_physical_connection_gets_a_token(
    url: str, pyodbc: FakePyodbc, credential: Credential
) -> None:
    engine = create_engine(url)
    connect(engine, 2)
    connect(engine, 2)
    tokens = [token_of(keywords) for _, keywords in pyodbc.connections]
    assert tokens == ["token 1", "token 2"]
    assert set(credential.scopes) == {"https://database.windows.net/.default"}
    engine.dispose()
    connect(engine, 1)
    assert token_of(pyodbc.connections[-1][1]) == "token 3"


@pytest.mark.parametrize("url", TOKENS_NEEDED)
def test_beside_a_token_the_driver_takes_no_other_credentials(
    url: str, pyodbc: FakePyodbc, credential: Credential
) -> None:
    connect(create_engine(url), 1)
    ((connection_string, _),) = pyodbc.connections
    assert "trusted" not in connection_string.lower()
    assert "uid" not in connection_string.lower()


@pytest.mark.parametrize("url", OWN_CREDENTIALS)
def test_a_url_with_credentials_needs_no_token(
    url: str, pyodbc: FakePyodbc, credential: Credential
) -> None:
    connect(create_engine(url), 1)
    ((_, keywords),) = pyodbc.connections
    assert "attrs_before" not in keywords
    assert credential.scopes == []


@pytest.mark.parametrize(
    "url", [f"mssql+pyodbc://user@server/db?{DRIVER}", odbc("DRIVER=x;SERVER=s;UID=user")]
)
def test_a_user_without_a_password_is_refused(url: str, pyodbc: FakePyodbc) -> None:
    with pytest.raises(SettingsError, match=r"^OMS_DATABASE_URL: .*Entra") as caught:
        create_engine(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [ClientAuthenticationError, ServiceRequestError])
def test_without_a_token_the_database_is_unavailable(
    kind: type[Exception], pyodbc: FakePyodbc, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        def get_token(self, _scope: str) -> AccessToken:
            raise kind("eyJ0-very-secret")

    monkeypatch.setattr(entra, "_credential", Refused)
    store = SqlStore(create_engine(TOKENS_NEEDED[0]))
    for use in (lambda: store.read(lambda tx: None), store.is_migrated, store.migrate):
        with pytest.raises(DatabaseUnavailable) as caught:
            use()
        assert kind.__name__ in str(caught.value)
        assert "secret" not in str(caught.value)
    assert pyodbc.connections == []


def test_the_sdk_is_loaded_for_a_token_only() -> None:
    """It costs a cold start a third of a second."""
    script = (
        "import sys; from shared.composition import open_store;"
        "open_store('sqlite:///x.db').close();"
        "sys.exit(any(name.startswith('azure.identity') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
