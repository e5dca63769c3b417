"""The commands of contracts section 6: migrate, serve, process, monitor, operations."""

from __future__ import annotations

import argparse
import ipaddress
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from shared import operator_commands
from shared.errors import DatabaseUnavailable, SettingsError
from shared.settings import Settings, load_settings
from shared.settings.api import ApiAuth
from shared.settings.console import ConsoleAuth
from shared.settings.database import DatabaseSettings
from shared.settings.platform import is_platform_authenticating
from shared.telemetry import log_to

EXIT_CANNOT_RUN = 2
_NO_CONSOLE = "No operator console: nobody could sign in here (OMS_CONSOLE_AUTH)"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code (2: it could not run, and stderr says why)."""
    options = _parser().parse_args(arguments)
    log_to(sys.stderr)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except SettingsError as error:
        print(error, file=sys.stderr)
    except DatabaseUnavailable as error:
        print(f"OMS_DATABASE_URL: {error}", file=sys.stderr)
    return EXIT_CANNOT_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(command=_migrate)

    serve = commands.add_parser("serve", help="serve the Document Request API and the console")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=_port, default=8000)
    serve.set_defaults(command=_serve)

    for name, help_text in (
        ("process", "one run of the processing job"),
        ("monitor", "one run of the monitoring job"),
    ):
        job = commands.add_parser(name, help=help_text)
        job.add_argument("--until-idle", action="store_true", help="repeat until nothing is due")
        job.set_defaults(command=_run_job, job=name)
    operator_commands.add_to(commands)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError("must be between 1 and 65535")
    return port


def _migrate(_options: argparse.Namespace) -> int:
    from shared.composition import open_store

    settings = load_settings(DatabaseSettings)
    store = open_store(settings.database_url.get_secret_value())
    before, after = store.migrate()
    print(f"schema {before or 'none'} -> {after}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    settings, stop_exporting = _started()
    is_loopback = _is_loopback(options.host)
    if settings.api_auth is ApiAuth.NONE and not is_loopback:
        raise SettingsError("OMS_API_AUTH: none serves only a loopback --host")
    if settings.console_auth is ConsoleAuth.NONE and not is_loopback:
        raise SettingsError("OMS_CONSOLE_AUTH: none serves only a loopback --host")

    import uvicorn

    from shared.asgi import api
    from shared.asgi_console import console, with_console
    from shared.composition import compose

    system = compose(settings)
    application: Any = api(system)
    has_console = settings.console_auth or _can_sign_in(settings, is_loopback)
    if has_console:
        application = with_console(application, console(system))
    _require_schema(system.store.is_migrated())
    url = f"http://{options.host}:{options.port}"
    print(f"Document Request API on {url}/docs")
    print(f"Operator console on {url}/console/" if has_console else _NO_CONSOLE, flush=True)
    # The server ends in an orderly way at this signal, then sends it to us again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            application,
            host=options.host,
            port=options.port,
            log_config=None,
            access_log=False,
            server_header=False,
        )
    finally:
        stop_exporting()
    return 0


def _can_sign_in(settings: Settings, is_loopback: bool) -> bool:
    """Tell whether the console's own way of signing in works here, where none was chosen."""
    if settings.console_sign_in is ConsoleAuth.NONE:
        return is_loopback
    return is_platform_authenticating()


def _run_job(options: argparse.Namespace) -> int:
    from shared.composition import compose

    settings, stop_exporting = _started()
    system = compose(settings)
    _require_schema(system.store.is_migrated())
    signal.signal(signal.SIGTERM, lambda *_: system.runs.stop())
    run = (system.processing if options.job == "process" else system.monitoring).run
    try:
        summary = run()
        if options.until_idle:
            summary = _until_idle(run, summary)
    finally:
        system.close()
        stop_exporting()
    print(json.dumps(summary))
    return 0


def _started() -> tuple[Settings, Callable[[], None]]:
    """Read the settings and begin to export; returns what ends that. Raises SettingsError."""
    from shared import exporters

    settings = load_settings(Settings)
    log_to(sys.stderr, settings.environment)
    return settings, exporters.start(settings.telemetry, settings.environment)


def _until_idle(run: Callable[[], dict[str, Any]], last: dict[str, Any]) -> dict[str, Any]:
    """Repeat a job until a run finds nothing due; returns the sum of all runs."""
    total = Counter({key: value for key, value in last.items() if not isinstance(value, str)})
    while last["claimed"] or last["published"] or last["purged"]:
        last = run()
        total.update({key: last[key] for key in total})
    return last | dict(total) | {"seconds": round(total["seconds"], 3)}


def _require_schema(is_migrated: bool) -> None:
    if not is_migrated:
        raise DatabaseUnavailable("no schema yet; run `python -m shared migrate` first")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
