from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from shared.store.database_errors import (
    is_unique_violation,
    is_worth_repeating,
    sql_server_numbers,
)

VENDOR = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
DUPLICATE = (
    f"[23000] {VENDOR}Violation of UNIQUE KEY constraint 'uq'. Cannot insert duplicate key in "
    "object 'dbo.t'. The duplicate key value is (ARCADE, {}). (2627) (SQLExecDirectW); "
    f"[23000] {VENDOR}The statement has been terminated. (3621)"
)
TRUNCATED = (
    f"[42000] {VENDOR}String or binary data would be truncated. Truncated value: '{{}}'. "
    "(2628) (SQLExecute)"
)


def error(text: str) -> DBAPIError:
    """Build an error as pyodbc raises it: SQLSTATE and text."""
    return DBAPIError("statement", {}, Exception(text[1:6], text))


def test_every_number_of_an_error_is_found() -> None:
    assert sql_server_numbers(error(DUPLICATE.format("x"))) == {2627, 3621}


@pytest.mark.parametrize("value", ["(1205)", "a (40613) b", "(1222), (10054)"])
def test_numbers_in_the_data_of_a_message_are_none(value: str) -> None:
    found = error(DUPLICATE.format(value))
    assert is_unique_violation(found)
    assert not is_worth_repeating(found)
    assert not is_unique_violation(error(TRUNCATED.format("(2627)")))


@pytest.mark.parametrize("number", [1205, 1222, 40613, 40501, 49918, 10928])
def test_what_passes_is_worth_repeating(number: int) -> None:
    assert is_worth_repeating(error(f"[HY000] {VENDOR}Not now. ({number}) (SQLExecDirectW)"))


@pytest.mark.parametrize("number", [2627, 547, 515, 8152, 208])
def test_what_stays_is_not(number: int) -> None:
    assert not is_worth_repeating(error(f"[23000] {VENDOR}Never. ({number}) (SQLExecDirectW)"))
