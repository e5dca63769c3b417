"""Attack the API on a real store and real reference data: `make fuzz`.

Prints what Schemathesis found and how the calls were answered; exits with its code.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local import reference_data
from local.serving import ServerThread
from shared.asgi import api
from shared.composition import compose
from shared.jobs.queries import Caller
from shared.settings import Settings
from shared.web.security import NotAuthenticated
from tests.serving import served

HERE = Path(__file__).parent
TOKEN = "Bearer fuzz"
NOWHERE = "http://127.0.0.1:9"


class Tally:
    """Counts the answers of an application by status."""

    def __init__(self, app: ASGIApp) -> None:
        self.answers: Counter[int] = Counter()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, count)


async def known_caller(headers: Mapping[str, str]) -> Caller:
    """Tell callers apart, so that a route without its guard is found."""
    if headers.get("authorization") != TOKEN:
        raise NotAuthenticated
    return Caller("fuzz")


def composed(stack: ExitStack) -> FastAPI:
    """Return the API on a store of its own and the simulator of reference data."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    codes = stack.enter_context(ServerThread(reference_data.create_app()))
    settings = Settings(
        environment="local",
        database_url=f"sqlite:///{folder}/oms.db",
        reference_data_base_url=codes.url,
        thunderhead_base_url=NOWHERE,
        thunderhead_auth="none",
        kafka_bootstrap_servers="127.0.0.1:9",
        kafka_security="plaintext",
        api_auth="none",
    )
    system = compose(settings)
    stack.callback(system.close)
    system.store.migrate()
    app = api(system)
    app.state.services = replace(app.state.services, authenticate=known_caller)
    return app


def attack(examples: int, seed: int | None, report: Path | None = None) -> tuple[int, Tally]:
    """Let Schemathesis loose; returns its exit code and what the API answered."""
    with ExitStack() as stack:
        tally = Tally(composed(stack))
        url = stack.enter_context(served(tally))
        command = [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={HERE}/schemathesis.toml"),
            *("run", f"{url}/openapi.json", f"--header=Authorization:{TOKEN}"),
            f"--max-examples={examples}",
            *([] if seed is None else [f"--seed={seed}", "--generation-deterministic"]),
            *([] if report is None else [f"--report-junit-path={report}"]),
        ]
        environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks"}
        finished = subprocess.run(command, env=environment, check=False)
    return finished.returncode, tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=400, help="most cases per operation")
    parser.add_argument("--seed", type=int, help="repeat a run; without it every run differs")
    options = parser.parse_args()
    code, tally = attack(options.examples, options.seed)
    print(f"{tally.answers.total()} calls, answered with")
    for status, count in sorted(tally.answers.items()):
        print(f"  {status}  {count:7,}")
    return code


if __name__ == "__main__":
    sys.exit(main())
