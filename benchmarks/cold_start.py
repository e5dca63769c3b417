"""Cold start: importing a function beside importing the libraries that it cannot do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.rounds import interleaved, median

ROOT = Path(__file__).parent.parent
SETTINGS = json.loads((ROOT / "local.settings.sample.json").read_bytes())["Values"]
ROUNDS = 9
"""An import is short, and its share of what disturbs the machine large."""
IMPORT = """
import sys
from importlib import import_module
from time import perf_counter
began = perf_counter()
for name in sys.argv[1:]:
    import_module(name)
print(perf_counter() - began)
"""

EVERY = (
    "azure.functions",
    "pydantic_settings",
    "orjson",
    "lxml.etree",
    "sqlalchemy",
    "sqlalchemy.dialects.mssql",
    "sqlalchemy.dialects.sqlite",
    "requests",
    "requests.adapters",
    "opentelemetry.metrics",
    "opentelemetry.trace",
    "ecs_logging",
)
"""Settings, exact numbers, XML, the database, HTTP, spans and logs."""
FASTAPI = ("fastapi", "pydantic.v1")
"""FastAPI imports the second with the first route."""
TOKENS = ("jwt", "cryptography.hazmat.primitives.asymmetric.rsa", "limits.strategies")
CONSOLE = ("starlette.applications", "starlette.routing", "starlette.responses", "jinja2")
LIBRARIES = {
    "DocumentRequestApi": (*EVERY, *FASTAPI, *TOKENS),
    "OperatorConsole": (*EVERY, *CONSOLE),
    "ProcessingTimer": EVERY,
    "MonitoringTimer": (*EVERY, "confluent_kafka"),
}


def measure() -> Sequence[Figure]:
    turns = {
        name: partial(import_seconds, modules)
        for function, libraries in LIBRARIES.items()
        for name, modules in ((function, [function]), (_alone(function), libraries))
    }
    for turn in turns.values():
        turn()  # what is compiled at the first import, and read from the disk, costs nobody
    results = interleaved(turns, ROUNDS)
    seconds = {name: median(some, float) for name, some in results.items()}
    return [
        Figure(
            what=f"import of {function}",
            beside="of azure.functions and its libraries",
            value=seconds[function] / seconds[_alone(function)],
            reach=at_most(1.2),
            measured={"function, s": seconds[function], "libraries, s": seconds[_alone(function)]},
        )
        for function in LIBRARIES
    ]


def import_seconds(modules: Sequence[str]) -> float:
    """Import some modules in an interpreter that has just begun."""
    command = [sys.executable, "-c", IMPORT, *modules]
    environment = {**os.environ, **SETTINGS}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a deployed function is compiled once
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return float(finished.stdout)


def _alone(function: str) -> str:
    return f"libraries of {function}"


BENCHMARK = Benchmark("cold_start", "Cold start", measure, is_quick=True)
