from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.clients.availability import Availability
from shared.clients.cache import Answer, AnswerCache, Key
from shared.clients.reference_data import ReferenceDataClient
from shared.domain.enrichment import OPEN_END, ConfigurationRow
from shared.errors import ReferenceDataInvalid, ReferenceDataUnavailable
from tests.unit.clients.support import (
    FakeClock,
    Received,
    Reply,
    Server,
    make_settings,
    misbehaving,
    serving,
    unused_port,
)

TODAY = date(2026, 3, 1)
TOMORROW = date(2026, 3, 2)
HOUR = 3600


def client(url: str, clock: FakeClock, **settings: Any) -> ReferenceDataClient:
    values = {"reference_data_max_stale_seconds": HOUR} | settings
    return ReferenceDataClient(make_settings(reference_data_base_url=url, **values), clock)


def code(value: object, start: object = "2020-01-01", end: object = None) -> dict[str, object]:
    return {
        "id": 1,
        "refDataType": "LANGUAGE",
        "refDataValue": value,
        "description": "",
        "editable": True,
        "effectFromDat": start,
        "effectToDat": end,
    }


def configuration(**values: object) -> dict[str, object]:
    return {
        "id": 12,
        "footer": {"id": 3, "refDataValue": "2"},
        "appDocSpec": {"id": 4, "refDataValue": "IVZ*"},
        "code": {"id": 5, "refDataValue": "BATCH_CONFIG_ID"},
        "value": "1709524441",
        "effectFromDat": "2020-01-01",
        "effectToDat": "2030-12-31",
    } | values


def paths(server: Server) -> list[str]:
    return [received.path for received in server.received]


# --- what is asked and read --------------------------------------------------------------


def test_codes_are_those_in_effect() -> None:
    body = [
        code("EN"),
        code("DE", "2026-03-01T00:00:00", "2026-03-01T00:00:00"),
        code("FR", "2026-03-02"),
        code("IT", "2020-01-01", "2026-02-28"),
        code(7, "2020-01-01", "4712-12-31"),
    ]
    with serving([Reply(200, body)]) as server:
        found = client(f"{server.url}/rd", FakeClock()).codes("LANG UAGE", TODAY)

    assert found == frozenset({"EN", "DE", "7"})
    (received,) = server.received
    assert received.path == "/rd/reference-data/type/LANG%20UAGE"
    assert received.query == {"asOf": "2026-03-01"}
    assert "Authorization" not in received.headers


def test_an_unknown_type_has_no_codes() -> None:
    with serving([Reply(404)]) as server:
        reference_data = client(server.url, FakeClock())
        assert reference_data.codes("NONE", TODAY) == frozenset()
        assert reference_data.codes("NONE", TODAY) == frozenset()
    assert len(server.received) == 1


def test_configurations_are_read() -> None:
    body = [configuration(), configuration(id="13", value=5, effectToDat=None)]
    with serving([Reply(200, body)]) as server:
        rows = client(server.url, FakeClock()).configurations("IVZ RECPA", "2", TODAY)

    assert rows == (
        ConfigurationRow(
            "12", "2", "IVZ*", "BATCH_CONFIG_ID", "1709524441",
            date(2020, 1, 1), date(2030, 12, 31),
        ),
        ConfigurationRow(
            "13", "2", "IVZ*", "BATCH_CONFIG_ID", "5", date(2020, 1, 1), OPEN_END
        ),
    )  # fmt: skip
    (received,) = server.received
    assert received.path == "/document-configurations/search"
    assert received.query == {"documentName": "IVZ RECPA", "footer": "2", "asOf": "2026-03-01"}


def test_the_token_is_sent() -> None:
    with serving([Reply(200, [])]) as server:
        client(server.url, FakeClock(), reference_data_token="abc").codes("A", TODAY)
    assert server.received[0].headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        {"items": []},
        None,
        ["EN"],
        [None],
        [{}],
        [code(None)],
        [code(True)],
        [code("EN", None)],
        [code("EN", "soon")],
        [code("EN", "2020-13-01")],
        [code("EN", "2020-01-01", "")],
    ],
)
def test_an_unreadable_list_of_codes_is_invalid(body: Any) -> None:
    with serving([Reply(200, body)]) as server, pytest.raises(ReferenceDataInvalid):
        client(server.url, FakeClock()).codes("LANGUAGE", TODAY)


@pytest.mark.parametrize(
    "row",
    [
        configuration(id=None),
        configuration(footer=None),
        configuration(footer="2"),
        configuration(appDocSpec={}),
        configuration(code={"refDataValue": None}),
        configuration(value=None),
        configuration(effectFromDat=None),
    ],
)
def test_an_unreadable_configuration_is_invalid(row: object) -> None:
    reply = Reply(200, [configuration(), row])
    with serving([reply]) as server, pytest.raises(ReferenceDataInvalid, match="row 1"):
        client(server.url, FakeClock()).configurations("A", "0", TODAY)


# --- freshness ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"Cache-Control": "public"}, 60),
        ({"Cache-Control": "max-age=nonsense"}, 60),
        ({"Cache-Control": "public, Max-Age=600"}, 600),
        ({"Cache-Control": 'max-age="600"', "Age": "100"}, 500),
        ({"Cache-Control": "max-age=600", "Age": "nonsense"}, 600),
        ({"Cache-Control": "max-age=9999999999999"}, HOUR),
    ],
)
def test_an_answer_is_used_while_it_is_fresh(headers: dict[str, str], seconds: float) -> None:
    clock = FakeClock()
    with serving([Reply(200, [code("A")], headers), Reply(200, [code("B")])]) as server:
        reference_data = client(server.url, clock)
        reference_data.codes("X", TODAY)
        clock.advance(seconds - 1)
        assert reference_data.codes("X", TODAY) == {"A"}
        clock.advance(2)
        assert reference_data.codes("X", TODAY) == {"B"}


@pytest.mark.parametrize("directive", ["no-store", "no-cache", "max-age=0"])
def test_an_answer_that_may_not_be_kept_still_serves_in_an_outage(directive: str) -> None:
    first = Reply(200, [code("A")], {"Cache-Control": directive})
    with serving([first, Reply(200, [code("B")]), Reply(503)]) as server:
        clock = FakeClock()
        reference_data = client(server.url, clock)
        assert reference_data.codes("X", TODAY) == {"A"}
        assert reference_data.codes("X", TODAY) == {"B"}
        clock.advance(61)
        assert reference_data.codes("X", TODAY) == {"B"}
    assert len(server.received) == 3


def test_a_304_makes_an_answer_fresh_again() -> None:
    clock = FakeClock()
    replies = [
        Reply(200, [code("A")], {"ETag": '"v1"'}),
        Reply(304, None, {"Cache-Control": "max-age=300"}),
        Reply(200, [code("B")], {"ETag": '"v2"'}),
    ]
    with serving(replies) as server:
        reference_data = client(server.url, clock)
        reference_data.codes("X", TODAY)
        clock.advance(61)
        assert reference_data.codes("X", TODAY) == {"A"}
        clock.advance(299)
        assert reference_data.codes("X", TODAY) == {"A"}
        clock.advance(2)
        assert reference_data.codes("X", TODAY) == {"B"}

    tags = [received.headers.get("If-None-Match") for received in server.received]
    assert tags == [None, '"v1"', '"v1"']


def test_a_304_counts_as_young() -> None:
    clock = FakeClock()
    with serving([Reply(200, [code("A")], {"ETag": "v"}), Reply(304), Reply(503)]) as server:
        reference_data = client(server.url, clock)
        reference_data.codes("X", TODAY)
        clock.advance(HOUR - 1)
        reference_data.codes("X", TODAY)
        clock.advance(HOUR - 1)
        assert reference_data.codes("X", TODAY) == {"A"}


def test_a_304_that_nobody_asked_for_is_an_outage() -> None:
    with serving([Reply(304)]) as server, pytest.raises(ReferenceDataUnavailable):
        client(server.url, FakeClock()).codes("X", TODAY)


def test_a_new_day_is_asked_for_anew() -> None:
    def by_day(request: Received) -> Reply:
        return Reply(200, [code(request.query["asOf"])], {"ETag": "same"})

    with serving(by_day) as server:
        reference_data = client(server.url, FakeClock())
        assert reference_data.codes("X", TODAY) == {"2026-03-01"}
        assert reference_data.codes("X", TOMORROW) == {"2026-03-02"}
    # The tag of another day proves nothing about this one.
    assert "If-None-Match" not in server.received[1].headers


# --- outages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [Reply(500), Reply(502), Reply(503), Reply(401), Reply(403), Reply(429), Reply(400),
     Reply(404), Reply(302, None, {"Location": "/"}), Reply(200, b"<html>"), Reply(200, [{}])],
)  # fmt: skip
def test_a_kept_answer_serves_in_an_outage(failure: Reply) -> None:
    clock = FakeClock()
    with serving([Reply(200, [configuration()]), failure]) as server:
        reference_data = client(server.url, clock)
        rows = reference_data.configurations("A", "2", TODAY)
        clock.advance(61)
        assert reference_data.configurations("A", "2", TODAY) == rows
        assert reference_data.configurations("A", "2", TODAY) == rows
        assert len(server.received) == 2  # nobody hammers
        clock.advance(HOUR)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.configurations("A", "2", TODAY)


def test_yesterdays_answer_serves_in_an_outage() -> None:
    body = [code("OLD", "2020-01-01", "2026-03-01"), code("NEW", "2026-03-02"), code("ALL")]
    clock = FakeClock()
    with serving([Reply(200, body), Reply(503)]) as server:
        reference_data = client(server.url, clock)
        assert reference_data.codes("X", TODAY) == {"OLD", "ALL"}
        assert reference_data.codes("X", TOMORROW) == {"NEW", "ALL"}
    assert server.received[1].query == {"asOf": "2026-03-02"}


def test_without_a_kept_answer_it_is_unavailable() -> None:
    reference_data = client(f"http://127.0.0.1:{unused_port()}", FakeClock())
    with pytest.raises(ReferenceDataUnavailable, match="ConnectionRefused"):
        reference_data.codes("X", TODAY)


def test_a_time_out_is_an_outage() -> None:
    with misbehaving(lambda _, server: server.stopped.wait()) as server:
        reference_data = client(server.url, FakeClock(), http_timeout_seconds=0.2)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("X", TODAY)


def test_an_outage_is_remembered_for_all_questions() -> None:
    clock = FakeClock()
    with serving([Reply(503), Reply(200, [])]) as server:
        reference_data = client(server.url, clock)
        for code_type in ("A", "B", "C"):
            with pytest.raises(ReferenceDataUnavailable, match="503"):
                reference_data.codes(code_type, TODAY)
        assert len(server.received) == 1
        clock.advance(4.9)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("B", TODAY)
        clock.advance(0.2)
        assert reference_data.codes("B", TODAY) == frozenset()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("30", 30), ("Sun, 01 Mar 2026 12:00:30 GMT", 30), ("1", 5), ("999999", 300)],
)
def test_retry_after_is_respected_within_bounds(retry_after: str, seconds: float) -> None:
    clock = FakeClock()
    failure = Reply(429, None, {"Retry-After": retry_after})
    with serving([failure, Reply(200, [])]) as server:
        reference_data = client(server.url, clock)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("A", TODAY)
        clock.advance(seconds - 0.1)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("A", TODAY)
        clock.advance(0.2)
        reference_data.codes("A", TODAY)


@pytest.mark.parametrize("failure", [Reply(200, b"<html>"), Reply(400), Reply(500)])
def test_a_question_that_fails_alone_does_not_stop_the_others(failure: Reply) -> None:
    def script(request: Received) -> Reply:
        return failure if request.path.endswith("BAD") else Reply(200, [code("A")])

    clock = FakeClock()
    with serving(script) as server:
        reference_data = client(server.url, clock)
        for _ in range(3):
            with pytest.raises(ReferenceDataInvalid):
                reference_data.codes("BAD", TODAY)
        assert reference_data.codes("GOOD", TODAY) == {"A"}
        assert len(server.received) == 2
        clock.advance(6)
        with pytest.raises(ReferenceDataInvalid):
            reference_data.codes("BAD", TODAY)
        assert len(server.received) == 3


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    return [message for message in found if message.startswith("dependency")]


def test_an_outage_is_reported_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shared")
    clock = FakeClock()
    replies = [Reply(200, []), Reply(503), Reply(503), Reply(200, [])]
    with serving(replies) as server:
        reference_data = client(server.url, clock)
        reference_data.codes("X", TODAY)
        for _ in range(2):
            clock.advance(61)
            reference_data.codes("X", TODAY)
        clock.advance(61)
        reference_data.codes("X", TODAY)

    assert messages(caplog) == ["dependency is unavailable", "dependency is available again"]
    assert caplog.records[0].__dict__["event.reason"] == "Reference Data answered 503"


# --- threads and bounds ------------------------------------------------------------------


class Gate:
    """A server script that holds every answer back until it is opened."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, _: Received) -> Reply:
        self.reached.set()
        assert self.opened.wait(5)
        return self.reply


def in_threads(count: int, work: Callable[[], object]) -> tuple[list[threading.Thread], list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except ReferenceDataUnavailable as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(5)


class CountingClock(FakeClock):
    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Semaphore(0)

    def __call__(self) -> datetime:
        self.reads.release()
        return super().__call__()


@pytest.mark.parametrize("headers", [{}, {"Cache-Control": "no-store"}])
def test_threads_share_one_answer(headers: dict[str, str]) -> None:
    gate, clock = Gate(Reply(200, [code("A")], headers)), CountingClock()
    with serving(gate) as server:
        reference_data = client(server.url, clock)
        threads, results = in_threads(8, lambda: reference_data.codes("X", TODAY))
        for _ in range(8 + 1):  # all have come, and one of them is asking
            assert clock.reads.acquire(timeout=5)
        clock.advance(0.001)
        gate.opened.set()
        join(threads)
    assert results == [{"A"}] * 8
    assert len(server.received) == 1


def test_threads_share_one_failure() -> None:
    gate = Gate(Reply(503))
    with serving(gate) as server:
        reference_data = client(server.url, FakeClock())
        threads, results = in_threads(8, lambda: reference_data.codes("X", TODAY))
        assert gate.reached.wait(5)
        gate.opened.set()
        join(threads)
    assert [type(result) for result in results] == [ReferenceDataUnavailable] * 8
    assert len(server.received) == 1


def test_nobody_waits_who_has_an_answer_of_the_day() -> None:
    clock = FakeClock()
    with serving([Reply(200, [code("A")])]) as server:
        reference_data = client(server.url, clock)
        reference_data.codes("X", TODAY)
        clock.advance(61)
        server.script = gate = Gate(Reply(200, [code("B")]))
        threads, results = in_threads(1, lambda: reference_data.codes("X", TODAY))
        assert gate.reached.wait(5)
        assert reference_data.codes("X", TODAY) == {"A"}
        gate.opened.set()
        join(threads)
        assert results == [{"B"}]
        assert reference_data.codes("X", TODAY) == {"B"}


def test_after_an_outage_one_thread_tries_first() -> None:
    clock = FakeClock()
    with serving([Reply(503)]) as server:
        reference_data = client(server.url, clock)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("A", TODAY)
        clock.advance(6)
        server.script = gate = Gate(Reply(200, [code("A")]))
        threads, results = in_threads(1, lambda: reference_data.codes("A", TODAY))
        assert gate.reached.wait(5)
        with pytest.raises(ReferenceDataUnavailable):
            reference_data.codes("B", TODAY)
        gate.opened.set()
        join(threads)
        assert results == [{"A"}]
        assert reference_data.codes("B", TODAY) == {"A"}


def test_nonsense_does_not_end_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shared")
    clock = FakeClock()
    with serving([Reply(503), Reply(200, b"<html>"), Reply(200, [])]) as server:
        reference_data = client(server.url, clock)
        for _ in range(2):
            with pytest.raises(ReferenceDataUnavailable):
                reference_data.codes("A", TODAY)
            assert messages(caplog) == ["dependency is unavailable"]
            clock.advance(5.1)
        reference_data.codes("A", TODAY)
        assert messages(caplog)[1:] == ["dependency is available again"]


def test_the_least_recently_used_answer_goes_first() -> None:
    clock, asked = FakeClock(), []

    def fetch(key: Key, day: date, _: Answer[str] | None) -> Answer[str]:
        asked.append(key[0])
        return Answer(key[0], day, clock(), datetime.max.replace(tzinfo=UTC))

    cache = AnswerCache(
        fetch,
        Availability("x", trial_seconds=1),
        clock,
        max_stale_seconds=1,
        wait_seconds=1,
        size=2,
    )
    for name in ("a", "b", "a", "c", "a", "b"):
        assert cache.get((name,), TODAY) == name
    assert asked == ["a", "b", "c", "b"]
