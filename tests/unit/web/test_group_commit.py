from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from shared.web import group_commit
from shared.web.group_commit import MOST_TOGETHER, GroupCommit

CALLER: ContextVar[str] = ContextVar("CALLER")
SECONDS = 10.0
"""Longer than anything here takes; a test that waits so long fails."""


class Database:
    """Stores groups; each that holds `slow` waits until it may go on."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.callers: list[str | None] = []
        self.is_at_work = threading.Event()
        self.may_go_on = threading.Event()

    def store(self, items: Sequence[str]) -> list[str]:
        self.groups.append(list(items))
        self.callers.append(CALLER.get(None))
        if "slow" in items:
            self.is_at_work.set()
            assert self.may_go_on.wait(SECONDS)
        if "bad" in items:
            raise ValueError("bad")
        return [f"{item} is stored" for item in items]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", SECONDS)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, SECONDS))


async def begun(group: GroupCommit[str, str], item: str) -> asyncio.Task[str]:
    """Return a call that has begun, or waits for its turn."""
    call = asyncio.create_task(group(item))
    await asyncio.sleep(0)
    return call


async def behind_a_slow_one(
    database: Database, group: GroupCommit[str, str], items: Sequence[str]
) -> list[asyncio.Task[str]]:
    calls = [await begun(group, "slow")]
    assert await asyncio.to_thread(database.is_at_work.wait, SECONDS)
    return calls + [await begun(group, item) for item in items]


def test_calls_one_after_the_other_are_groups_of_one(database: Database) -> None:
    async def work() -> None:
        group = GroupCommit(database.store)
        assert [await group(item) for item in "abc"] == [f"{item} is stored" for item in "abc"]

    run(work())
    assert database.groups == [["a"], ["b"], ["c"]]


@pytest.mark.usefixtures("patient")
def test_calls_that_wait_are_the_next_group_and_each_has_its_own_result(
    database: Database,
) -> None:
    async def work() -> None:
        calls = await behind_a_slow_one(database, GroupCommit(database.store), "abc")
        database.may_go_on.set()
        results = await asyncio.gather(*calls)
        assert results == [f"{item} is stored" for item in ("slow", "a", "b", "c")]

    run(work())
    assert database.groups == [["slow"], ["a", "b", "c"]]


@pytest.mark.usefixtures("patient")
def test_callers_that_come_again_at_once_stay_together(database: Database) -> None:
    async def work() -> None:
        group = GroupCommit(database.store)

        async def caller(name: str) -> None:
            for number in range(3):
                await group(f"{name}{number}")

        calls = await behind_a_slow_one(database, group, ())
        callers = [asyncio.create_task(caller(name)) for name in "abc"]
        await asyncio.sleep(0)
        database.may_go_on.set()
        await asyncio.gather(*calls, *callers)

    run(work())
    assert database.groups[1:] == [[f"{name}{number}" for name in "abc"] for number in range(3)]


@pytest.mark.usefixtures("patient")
def test_a_group_has_a_limit(database: Database) -> None:
    async def work() -> None:
        items = [str(number) for number in range(MOST_TOGETHER + 1)]
        calls = await behind_a_slow_one(database, GroupCommit(database.store), items)
        database.may_go_on.set()
        await asyncio.gather(*calls)

    run(work())
    assert [len(group) for group in database.groups] == [1, MOST_TOGETHER, 1]


def test_calls_overtake_a_group_that_hangs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 0.01)

    async def work() -> None:
        hangs, *others = await behind_a_slow_one(database, GroupCommit(database.store), "ab")
        assert await asyncio.gather(*others) == ["a is stored", "b is stored"]
        assert not hangs.done()
        database.may_go_on.set()
        await hangs

    run(work())
    assert database.groups == [["slow"], ["a", "b"]]


@pytest.mark.usefixtures("patient")
def test_none_fails_for_anothers_sake(database: Database) -> None:
    async def work() -> None:
        items = ("a", "bad", "b")
        _, *calls = await behind_a_slow_one(database, GroupCommit(database.store), items)
        database.may_go_on.set()
        a, bad, b = await asyncio.gather(*calls, return_exceptions=True)
        assert (a, b) == ("a is stored", "b is stored")
        assert isinstance(bad, ValueError)

    run(work())
    assert database.groups[:2] == [["slow"], ["a", "bad", "b"]]
    assert sorted(database.groups[2:]) == [["a"], ["b"], ["bad"]]


@pytest.mark.usefixtures("patient")
def test_after_a_failure_the_next_begins(database: Database) -> None:
    async def work() -> None:
        group = GroupCommit(database.store)
        with pytest.raises(ValueError, match="bad"):
            await group("bad")
        assert await group("a") == "a is stored"

    run(work())


@pytest.mark.usefixtures("patient")
def test_a_caller_that_is_gone_takes_nobody_along(database: Database) -> None:
    async def work() -> None:
        slow, gone, stays = await behind_a_slow_one(database, GroupCommit(database.store), "ab")
        gone.cancel()
        slow.cancel()
        database.may_go_on.set()
        assert await stays == "b is stored"

    run(work())


@pytest.mark.usefixtures("patient")
def test_a_group_works_in_the_context_of_its_first(database: Database) -> None:
    async def work() -> None:
        group = GroupCommit(database.store)

        async def call(name: str) -> str:
            CALLER.set(name)
            return await group(name)

        calls = await behind_a_slow_one(database, group, ())
        calls += [asyncio.create_task(call(name)) for name in "ab"]
        await asyncio.sleep(0)
        database.may_go_on.set()
        await asyncio.gather(*calls)

    run(work())
    assert database.callers == [None, "a"]


def test_where_no_thread_can_be_had_nobody_waits_for_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    async def work() -> None:
        group = GroupCommit(database.store)
        slow, *calls = await behind_a_slow_one(database, group, "ab")
        with monkeypatch.context() as patch:
            patch.setattr(group_commit, "begin_in_thread", no_thread)
            database.may_go_on.set()
            failed = await asyncio.gather(*calls, return_exceptions=True)
            assert [str(error) for error in failed] == ["can't start new thread"] * 2
        assert await slow == "slow is stored"
        assert await group("c") == "c is stored"

    run(work())
