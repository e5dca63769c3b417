"""What the jobs of the scale-out are started by: the questions run on the real schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, create_engine, insert, text

from shared.__main__ import main
from shared.composition import open_store
from shared.store.tables import outbox
from tests.infra.bicep import INFRA, read

WORK = {one["command"]: one for one in read(INFRA / "modules" / "scaleOut.bicep").variables["work"]}


def on_sqlite(query: str) -> str:
    """Write the T-SQL of a question in SQLite's words; each TOP is a LIMIT there."""
    query = query.replace("dbo.", "").replace("SYSUTCDATETIME()", "'9999-01-01'")
    return re.sub(r"SELECT TOP \((\d+)\) (.*?)\) AS", r"SELECT \2 LIMIT \1) AS", query)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    url = f"sqlite:///{tmp_path}/oms.db"
    with closing(open_store(url)) as store:
        store.migrate()
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize("command", WORK)
def test_the_question_is_one_number_of_the_real_schema(
    command: str, connection: Connection
) -> None:
    assert connection.execute(text(on_sqlite(WORK[command]["query"]))).scalar_one() == 0


def test_work_that_is_due_is_counted(connection: Connection) -> None:
    now = datetime.now(UTC)
    connection.execute(text("PRAGMA foreign_keys = OFF"))
    connection.execute(
        insert(outbox),
        [
            {
                "event_id": UUID(int=number),
                "request_id": UUID(int=number),
                "generation": 1, "state": "PENDING", "topic": "t", "traceparent": "x",
                "payload": b"", "created_at": now, "attempts": 0,
                "due_at": now - timedelta(seconds=1),
            }
            for number in range(1, 702)
        ],
    )  # fmt: skip
    found = connection.execute(text(on_sqlite(WORK["monitor"]["query"]))).scalar_one()
    assert found == 2  # 500 events weigh as much as one batch, and the rest as one more


def test_the_question_says_the_status_as_the_filtered_index_does() -> None:
    """A parameter, or another spelling, and SQL Server would scan the table."""
    for one in WORK.values():
        for status, due in re.findall(
            r"WHERE (?:status|state) = '(\w+)' AND (\w+ IS NOT NULL)", one["query"]
        ):
            assert status in {"RECEIVED", "SUBMITTING", "SUBMITTED", "PENDING"}
            assert due == "due_at IS NOT NULL"
        assert one["query"].count("TOP (") == one["query"].count("COUNT(*)") == 2


def test_the_commands_exist() -> None:
    for command in WORK:
        with pytest.raises(SystemExit, match="0"):
            main([command, "--until-idle", "--help"])
