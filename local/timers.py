"""Fires one timer function on its schedule, the way the Functions host does.

A long-lived worker per function: it reads the trigger from `function.json`, imports the folder and
calls its `main`. The next tick is armed when the run has returned; ticks that passed meanwhile
become one run that is past due. Run it with `python -m local.timers ProcessingTimer`.
"""

import argparse
import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from azure.functions.timer import TimerRequest
from cronsim import CronSim, CronSimError

from local.stopping import StopSignals
from shared.errors import DatabaseUnavailable, SettingsError
from shared.telemetry import log_to

ROOT = Path(__file__).parent.parent
EXIT_CANNOT_RUN = 2

_logger = logging.getLogger(__name__)


class Schedule:
    """An NCRONTAB expression of six fields, seconds first; times are UTC, as on the platform."""

    def __init__(self, expression: str) -> None:
        if len(expression.split()) != 6:
            raise ValueError("must be NCRONTAB with six fields, seconds first")
        self._expression = expression
        try:
            self.next_after(datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"must be NCRONTAB: {str(error).lower()}") from error
        except StopIteration as error:
            raise ValueError("must be NCRONTAB: there is no such day") from error

    def __str__(self) -> str:
        return self._expression

    def next_after(self, moment: datetime) -> datetime:
        """Return the first tick after a moment."""
        ticks = CronSim(self._expression, moment)
        # Classic cron takes either of day and weekday where both are given, NCRONTAB wants both.
        ticks.day_and = True
        return next(ticks)


def fire_ticks(
    schedule: Schedule,
    run: Callable[[TimerRequest], None],
    clock: Callable[[], datetime],
    has_stopped: Callable[[float], bool],
) -> None:
    """Call a function on its schedule; `has_stopped` waits the seconds that it is given."""
    last = clock()
    due = schedule.next_after(last)
    past_due = False
    while not has_stopped((due - clock()).total_seconds()):
        # Clocks differ by a little: a wait may end before the tick, which then is not over yet.
        started = max(clock(), due)
        status = {
            "Last": last.isoformat(),
            "Next": due.isoformat(),
            "LastUpdated": started.isoformat(),
        }
        run(TimerRequest(past_due=past_due, schedule_status=status))
        last, due = due, schedule.next_after(started)
        past_due = due <= clock()


def schedule_of(folder: Path) -> Schedule:
    """Read the schedule of a function. Raises SettingsError, which names the variable."""
    bindings = json.loads((folder / "function.json").read_bytes())["bindings"]
    expression: str = next(
        binding["schedule"] for binding in bindings if binding["type"] == "timerTrigger"
    )
    name = "schedule"
    if setting := re.fullmatch("%(.+)%", expression):
        name = setting[1]
        expression = os.environ.get(name, "")
        if not expression:
            raise SettingsError(f"{name}: required")
    try:
        return Schedule(expression)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def _timer_functions() -> list[str]:
    return sorted(
        path.parent.name
        for path in ROOT.glob("*/function.json")
        if '"timerTrigger"' in path.read_text(encoding="utf-8")
    )


def main() -> int:
    """Run a timer as a process: print its schedule when armed, end on SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Fires a timer function on its schedule")
    parser.add_argument("function", choices=_timer_functions())
    name: str = parser.parse_args().function
    log_to(sys.stderr)
    try:
        schedule = schedule_of(ROOT / name)
        function: Callable[[TimerRequest], None] = importlib.import_module(name).main
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT_RUN

    def run(timer: TimerRequest) -> None:
        try:
            function(timer)
        except DatabaseUnavailable:
            _logger.exception("timer run failed; the next tick tries again")

    with StopSignals() as stop:
        print(schedule, flush=True)
        fire_ticks(schedule, run, lambda: datetime.now(UTC), stop.wait)
    return 0


if __name__ == "__main__":
    sys.exit(main())
