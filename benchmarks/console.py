"""What the operator console asks of the database, with a million requests on SQLite.

make bench-console                        # build the file, measure, remove it
make bench-console ARGS="--backlog"       # all of them RECEIVED: an outage of days
make bench-console ARGS="--requests 10000 --database /tmp/console.db"
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.filling import Filling, fill
from benchmarks.rounds import in_a_process
from shared.composition import open_store
from shared.domain.figures import OPEN
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus
from shared.domain.timing import utc_now
from shared.jobs.console_models import ActionFilter, AlertLimits, BatchFilter
from shared.jobs.overview import Overviews, Step
from shared.jobs.queries import Caller, Queries
from shared.jobs.request_storage import RequestFilter
from shared.jobs.runs import MONITORING, Runs
from shared.jobs.statistics import StatisticsUpdate, hour_of
from shared.store.database import SqlStore

REQUESTS = 1_000_000
CALLER = Caller("operator")
ROUNDS = 7
LIMIT_MS = 300
UPDATE_EVERY = timedelta(minutes=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--database", type=Path, help="keep the file here, and use it again")
    parser.add_argument("--backlog", action="store_true", help="all requests are RECEIVED")
    options = parser.parse_args()
    received = options.requests if options.backlog else 2_000
    with tempfile.TemporaryDirectory() as folder:
        path = options.database or Path(folder) / "console.db"
        asked(path, Filling(options.requests, received))


def measure() -> Sequence[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        found = in_a_process(asked, Path(folder) / "console.db", Filling(REQUESTS))
    whole, pages = sum(found["overview"].values()), found["explorer"]
    slowest = max(pages.values())
    milliseconds = {f"{name}, ms": value for some in found.values() for name, value in some.items()}
    reach = at_most(LIMIT_MS)
    return [
        Figure("the whole overview", "", whole, reach, unit="ms", measured=milliseconds),
        Figure(f"the slowest of {len(pages)} pages of the explorer", "", slowest, reach, "ms"),
    ]


def asked(path: Path, filling: Filling) -> dict[str, dict[str, float]]:
    """Ask all questions of a database, which is built if it is not there yet.

    Returns the medians in milliseconds, by group.
    """
    now = utc_now()
    if not path.exists():
        print(f"Building {filling.requests:,} requests in {path}")
        fill(path, filling, now)
    store = open_store(f"sqlite:///{path}")
    try:
        update_statistics(store, now)
        return ask_all(store, now)
    finally:
        store.close()


def update_statistics(store: SqlStore, now: datetime) -> None:
    """Count all hours, as runs of the monitoring job would; then the open ones again."""
    runs = Runs(store, utc_now, _no_id, 3600)
    seconds: list[float] = []
    while True:
        began = time.perf_counter()
        update = StatisticsUpdate(store, runs, lambda: now, UPDATE_EVERY)
        update.update_if_due(runs.start(MONITORING))
        seconds.append(time.perf_counter() - began)
        mark = store.read(lambda tx: tx.statistics.mark())
        if mark and mark.counted_until:
            break
    print(f"Statistics of all hours: {sum(seconds):.1f} s in {len(seconds)} runs")
    again = StatisticsUpdate(store, runs, lambda: now + UPDATE_EVERY, UPDATE_EVERY)
    began = time.perf_counter()
    again.update_if_due(runs.start(MONITORING))
    print(f"The open hours again, as every 5 minutes: {time.perf_counter() - began:.3f} s")


def _no_id() -> Any:
    return None


def ask_all(store: SqlStore, now: datetime) -> dict[str, dict[str, float]]:
    print(f"\n{'ms, first and median of ' + str(ROUNDS):<62}{'first':>8}{'median':>8}")
    groups = {
        "overview": overview(store, now),
        "explorer": explorer(store, now),
        "others": others(store),
    }
    medians: dict[str, dict[str, float]] = {}
    for title, questions in groups.items():
        print(f"-- {title}")
        medians[title] = {}
        for name, ask in questions.items():
            times = [_milliseconds(ask) for _ in range(ROUNDS)]
            medians[title][name] = statistics.median(times[1:])
            print(f"{name:<62}{times[0]:8.1f}{medians[title][name]:8.1f}", flush=True)
    return medians


def overview(store: SqlStore, now: datetime) -> dict[str, Callable[[], object]]:
    minute = timedelta(minutes=1)
    limits = AlertLimits(dict.fromkeys(OPEN, minute), minute, minute)
    overviews = Overviews(store, limits, lambda: now)
    week = hour_of(now) - timedelta(days=7)
    return {
        "how things stand: pauses, runs, counts, oldest, outbox": lambda: overviews.now(CALLER),
        "what happened in 7 days, by hour": lambda: overviews.activity(
            week, now, Step.HOUR, CALLER
        ),
    }


def explorer(store: SqlStore, now: datetime) -> dict[str, Callable[[], object]]:
    queries = Queries(store)
    some = queries.page(RequestFilter(), 200, None, CALLER).requests
    hour = timedelta(hours=1)
    filters = {
        "newest": RequestFilter(),
        **{str(one): RequestFilter(statuses=(one,)) for one in RequestStatus},
        "all but COMPLETED": RequestFilter(
            statuses=tuple(one for one in RequestStatus if one is not RequestStatus.COMPLETED)
        ),
        "200 request ids": RequestFilter(request_ids=tuple(one.request_id for one in some)),
        "correlation id": RequestFilter(request_correlation_id="REQ-4711"),
        "our batch": RequestFilter(batch_ids=("00000042-0000-0000-0000-000000000000",)),
        "Thunderhead's batch": RequestFilter(batch_ids=("70042",)),
        "a batch that does not exist": RequestFilter(batch_ids=("1",)),
        "metadata that one has": RequestFilter(metadata={"INVOICE_ID": "4711"}),
        "metadata that all have": RequestFilter(metadata={"FOOTER_ID": "2"}),
        "both": RequestFilter(metadata={"FOOTER_ID": "2", "INVOICE_ID": "4711"}),
        "metadata that all have, HELD": RequestFilter(
            metadata={"FOOTER_ID": "2"}, statuses=(RequestStatus.HELD,)
        ),
        "an hour two weeks ago": RequestFilter(
            received_from=now - timedelta(days=14), received_to=now - timedelta(days=14) + hour
        ),
        "changed within an hour": RequestFilter(updated_from=now - hour),
        "changed in an hour two weeks ago": RequestFilter(
            updated_from=now - timedelta(days=14), updated_to=now - timedelta(days=14) + hour
        ),
        "changed just now, which none was": RequestFilter(updated_from=now + hour),
        "source system": RequestFilter(source_system="SYSTEM3"),
        "source system, FAILED": RequestFilter(
            source_system="SYSTEM3", statuses=(RequestStatus.FAILED,)
        ),
        "document type": RequestFilter(document_type="POLICY"),
        "document type that none has": RequestFilter(document_type="NONE"),
        "document name": RequestFilter(document_name="NAME7"),
        "document name, HELD": RequestFilter(document_name="NAME7", statuses=(RequestStatus.HELD,)),
        "failure category": RequestFilter(failure_category=FailureCategory.TIMEOUT),
        "failure category that none has": RequestFilter(failure_category=FailureCategory.ABANDONED),
    }
    pages = {f"page of 200: {name}": _page(queries, where) for name, where in filters.items()}
    middle = (now - timedelta(days=15), some[0].request_id)
    return {
        **pages,
        "page of 200: from the middle on": lambda: queries.page(
            RequestFilter(), 200, middle, CALLER
        ),
        "count up to 10,000: FAILED": lambda: queries.count(
            RequestFilter(statuses=(RequestStatus.FAILED,)), 10_000, CALLER
        ),
        "count up to 10,000: document type": lambda: queries.count(
            RequestFilter(document_type="POLICY"), 10_000, CALLER
        ),
    }


def _page(queries: Queries, where: RequestFilter) -> Callable[[], object]:
    return lambda: queries.page(where, 200, None, CALLER)


def others(store: SqlStore) -> dict[str, Callable[[], object]]:
    return {
        "batches": lambda: store.read(lambda tx: tx.batches.page(BatchFilter(), 200, None)),
        "batches: HELD": lambda: store.read(
            lambda tx: tx.batches.page(BatchFilter(state=BatchState.HELD), 200, None)
        ),
        "batches: a configuration": lambda: store.read(
            lambda tx: tx.batches.page(BatchFilter(batch_config_id="170952443"), 200, None)
        ),
        "audit": lambda: store.read(lambda tx: tx.operator_actions.page(ActionFilter(), 200, None)),
    }


def _milliseconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


BENCHMARK = Benchmark(
    "console", "What the operator console asks of a database with a million requests", measure
)

if __name__ == "__main__":
    main()
