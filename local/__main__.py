"""The commands of `make demo` and `make run`: `python -m local demo|run`."""

from __future__ import annotations

import argparse
import sys

from local.stopping import EXIT_CODE, StopSignals

EXIT_FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code (130: it was told to stop)."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    commands.add_parser("demo", help="show the whole main job, from requests to events")
    commands.add_parser("run", help="leave the same system running until Ctrl-C")
    command: str = parser.parse_args(arguments).command
    with StopSignals() as stop:
        return _run(command, stop)


def _run(command: str, stop: StopSignals) -> int:
    import requests

    from local.children import StackFailed, Stopped
    from local.demo import run_demo
    from local.playground import run_playground
    from local.screen import Screen, open_console

    console = open_console()
    try:
        if command == "demo":
            return run_demo(stop, Screen(console))
        run_playground(stop, console)
    except Stopped:
        console.print("\nStopped, as asked. Everything that was started has ended.")
        return EXIT_CODE
    except StackFailed as error:
        print(error, file=sys.stderr)
    except requests.RequestException as error:
        print(f"The API did not answer as it should: {error}", file=sys.stderr)
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
