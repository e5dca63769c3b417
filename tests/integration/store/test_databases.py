"""The databases that tests are given on a server (`OMS_TEST_DATABASE_URL`)."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest
from sqlalchemy.engine import make_url

from tests.integration.databases import url_of


@pytest.mark.parametrize(
    "odbc",
    [
        "DRIVER={ODBC Driver 18};SERVER=s,1433;UID=u;PWD=p{;Encrypt=no",
        "DRIVER={ODBC Driver 18};SERVER=s,1433;DATABASE=master;UID=u;PWD=p{;Encrypt=no",
        "Database = master;DRIVER={ODBC Driver 18};SERVER=s,1433;UID=u;PWD=p{;Encrypt=no;",
    ],
)
def test_an_odbc_connection_string_names_the_other_database(odbc: str) -> None:
    found = make_url(url_of(f"mssql+pyodbc:///?odbc_connect={quote_plus(odbc)}", "oms_1"))
    assert found.query["odbc_connect"] == (
        "DRIVER={ODBC Driver 18};SERVER=s,1433;UID=u;PWD=p{;Encrypt=no;DATABASE=oms_1"
    )


def test_a_url_names_the_other_database_and_keeps_its_password() -> None:
    given = "mssql+pyodbc://u:p%40ss@s:1433/master?driver=x"
    assert url_of(given, "oms_1") == "mssql+pyodbc://u:p%40ss@s:1433/oms_1?driver=x"
