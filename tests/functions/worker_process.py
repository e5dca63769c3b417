"""A worker as a process of its own, with one function: `python -m tests.functions.worker_process`.

It is started in advance, without settings, as plans that scale to zero do, and speaks JSON lines.
In: `{"environment": {…}}`, then `{"pastDue": …}` for every tick. Out: what loading the function
took and brought in, then the outcome of every tick.
"""

from __future__ import annotations

import json
import logging
import sys
from time import perf_counter
from typing import Any


class _HostsChannel(logging.Handler):
    """Stands for the worker's own handler, which sends each record, formatted, to the host."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.summaries: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        if summary := summary_in(record):
            self.summaries.append(summary)


def summary_in(record: logging.LogRecord) -> dict[str, Any]:
    """Return the summary that the end of a run was logged with; empty for other records."""
    if record.getMessage() != "job run finished":
        return {}
    fields = vars(record).items()
    return {name.removeprefix("oms."): value for name, value in fields if name.startswith("oms.")}


def main(name: str) -> None:
    channel = _HostsChannel()
    # As the worker does it: without a formatter, which `basicConfig` would set.
    logging.getLogger().addHandler(channel)
    logging.getLogger().setLevel(logging.INFO)
    specialization = _read()

    start = perf_counter()
    from tests.functions.worker import InvocationFailed, Worker

    with Worker() as worker:
        capabilities = worker.specialize(specialization["environment"])
        ready = perf_counter()
        function = worker.load(name)
        loaded = perf_counter()
        _write(
            {
                "workerSeconds": ready - start,
                "loadSeconds": loaded - ready,
                "packages": sorted({module.partition(".")[0] for module in sys.modules}),
                "modules": len(sys.modules),
                "loaded": sorted(sys.modules),
                "capabilities": capabilities,
            }
        )
        while tick := _read():
            error = None
            channel.lines.clear()
            channel.summaries.clear()
            try:
                function.tick(past_due=tick["pastDue"])
            except InvocationFailed as failure:
                error = str(failure)
            _write({"error": error, "summaries": channel.summaries, "lines": channel.lines})


def _read() -> dict[str, Any]:
    """Return the next message; an empty one at the end of the input."""
    message: dict[str, Any] = json.loads(sys.stdin.readline() or "{}")
    return message


def _write(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
