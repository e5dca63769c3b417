from concurrent.futures import ThreadPoolExecutor

from tests.local.conftest import StartPlatform
from tests.local.platform import WITHOUT_TOTAL, Platform, document


def test_the_ledger_tells_what_was_accepted_and_generated(platform: Platform) -> None:
    first = platform.accepted(document("a"), document("b", WITHOUT_TOTAL))
    second = platform.accepted(document("c"), clientReference="ref-2")
    platform.clock.advance(10)
    batches = platform.control("ledger")["batches"]
    assert [
        (entry["batchId"], entry["clientReference"], entry["documentReferences"])
        for entry in batches
    ] == [(first, "ref-1", ["a", "b"]), (second, "ref-2", ["c"])]
    assert [entry["generatedReferences"] for entry in batches] == [["a"], ["c"]]
    assert batches[0]["acceptedAt"] == "2026-09-21T14:13:20.000Z"


def test_the_ledger_keeps_what_was_generated_before_a_cancel(platform: Platform) -> None:
    batch_id = platform.accepted(*[document(name) for name in "abcd"])
    platform.clock.advance(6)
    platform.cancel(batch_id)
    platform.clock.advance(100)
    (entry,) = platform.control("ledger")["batches"]
    assert entry["status"] == "CANCELLED"
    assert entry["documentReferences"] == ["a", "b", "c", "d"]
    assert entry["generatedReferences"] == ["a", "b"]


def test_the_ledger_remembers_every_submission(platform: Platform) -> None:
    batch_id = platform.accepted(document("a"))
    platform.submit(document("a"))
    platform.submit(document("b"))
    submissions = platform.control("ledger")["submissions"]
    assert [(entry["batchId"], entry["outcome"]) for entry in submissions] == [
        (batch_id, "ACCEPTED"),
        (None, "DUPLICATE_CLIENT_REFERENCE"),
        (None, "DUPLICATE_CLIENT_REFERENCE"),
    ]
    identical, again, different = (entry["payloadSha256"] for entry in submissions)
    assert identical == again != different


def test_requests_are_counted_by_operation(platform: Platform) -> None:
    batch_id = platform.accepted()
    platform.batch(batch_id)
    platform.documents(batch_id)
    platform.lookup("ref-1")
    platform.session.headers["X-Correlation-ID"] = "run-1"
    platform.session.headers["traceparent"] = f"00-{'1' * 32}-{'2' * 16}-01"
    platform.cancel(batch_id)
    assert platform.control("requests") == {
        "submit": 1,
        "poll": 1,
        "documents": 1,
        "lookup": 1,
        "cancel": 1,
        "token": 0,
        "withoutCorrelationId": 4,
        "withoutTraceparent": 4,
    }


def test_latency_holds_up_a_call_but_not_the_others(start_platform: StartPlatform) -> None:
    platform = start_platform(latency_seconds=0.3)

    def seconds_of_a_call(number: int) -> float:
        return platform.submit(clientReference=f"ref-{number}").elapsed.total_seconds()

    with ThreadPoolExecutor(16) as pool:
        seconds = list(pool.map(seconds_of_a_call, range(16)))
    assert min(seconds) >= 0.3
    # One after the other they would take 4.8 seconds.
    assert max(seconds) < 2.4
