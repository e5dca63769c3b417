"""The memory of a processing run does not grow with what waits for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.drain import CALL_SECONDS, PER_BATCH, peer_settings
from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.product import invoice, submit
from benchmarks.rounds import in_a_process, interleaved, median
from benchmarks.thunderhead_stub import Stub, stub
from shared.composition import compose
from shared.domain.models import NewRequest

FEW, MANY = 10_000, 100_000
CONTENT_BYTES = 20_000
CONCURRENCY = 32
SHOWN_EVERY = 10_000
"""Documents taken in."""
BUDGET_SECONDS = 3_600.0
"""A run has to drain all of it: its default would do, on a machine that nobody else uses."""
LINE_BYTES = 100


def fill(peer: Stub, folder: Path, documents: int) -> None:
    """Take in documents of 20 kB, and say how far it is."""
    with closing(compose(peer_settings(peer, folder, PER_BATCH, CONCURRENCY))) as system:
        system.store.migrate()
        for start in range(0, documents, SHOWN_EVERY):
            submit(system, range(start, start + SHOWN_EVERY), _large_invoice)
            print(f"  {start + SHOWN_EVERY:,} documents taken in", flush=True)


def peak_of_a_drain(peer: Stub, folder: Path, documents: int) -> float:
    """Drain a copy of a filled database in this process, a fresh one; its peak in MiB."""
    with _copy(folder) as copied:
        options = peer_settings(peer, copied, PER_BATCH, CONCURRENCY)
        options = options.model_copy(update={"run_budget_seconds": BUDGET_SECONDS})
        with closing(compose(options)) as system:
            summary = system.processing.run()
    if summary["submitted"] != documents:
        raise RuntimeError(f"not everything was submitted: {summary}")
    return _peak_mebibytes()


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as copied:
        shutil.copy(folder / "oms.db", copied)
        yield Path(copied)


def _peak_mebibytes() -> float:
    """Read the most memory that this process ever had resident.

    Not what getrusage says: a process inherits that from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kibibytes) / 1024


def _large_invoice(number: int) -> NewRequest:
    line = {"Text": f"{number:08} ".ljust(LINE_BYTES - len('{"Text":""},'), "x")}
    content = {"Document": {"Line": [line] * (CONTENT_BYTES // LINE_BYTES)}}
    return replace(invoice(number), content=content)


def measure() -> Sequence[Figure]:
    with stub(CALL_SECONDS) as peer, tempfile.TemporaryDirectory() as folder:
        files = {documents: Path(folder) / str(documents) for documents in (FEW, MANY)}
        for documents, place in files.items():
            place.mkdir()
            in_a_process(fill, peer, place, documents)
        results = interleaved(
            {
                f"{documents:,} documents": partial(
                    in_a_process, peak_of_a_drain, peer, place, documents
                )
                for documents, place in files.items()
            }
        )
    peak = {name: median(some, float) for name, some in results.items()}
    few, many = peak.values()
    return [
        Figure(
            f"peak memory of a drain of {MANY:,} documents of 20 kB",
            f"of {FEW:,}",
            many / few,
            at_most(1.1),
            measured={f"{name}, MiB": value for name, value in peak.items()},
        ),
        Figure(
            f"peak memory of a drain of {MANY:,} documents of 20 kB",
            "",
            many,
            at_most(400),
            unit="MiB",
        ),
    ]


BENCHMARK = Benchmark("memory", "Submitting: memory beside what waits", measure)
