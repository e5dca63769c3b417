"""The system's own processes: two of each job and the API, restarted whenever they end."""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from local.serving import HOST
from tests.chaos.plan import Plan
from tests.chaos.source_system import is_live
from tests.integration.commands.processes import ROOT, Environment, command

_KILLED, _TERMINATED = -9, -15
_STOP_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.02
# A run of a job takes about so long while there is something to do.
_WORK_SECONDS = 0.5
_PROCESSES = Path("/proc")


class Slot:
    """A place where one process runs at a time, again and again."""

    def __init__(
        self,
        name: str,
        next_arguments: Callable[[], Sequence[str]],
        next_pause: Callable[[], float],
        environment: Environment,
        directory: Path,
        is_at_work: Callable[[int], bool],
    ) -> None:
        self.name = name
        self.kills = 0
        self.ends: Counter[int] = Counter()
        """How its processes ended, by exit code."""
        self.log = directory / f"{name}.log"
        self._next_arguments = next_arguments
        self._next_pause = next_pause
        self._is_at_work = is_at_work
        self._environment = environment
        self._output = directory / f"{name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, stop: threading.Event) -> None:
        """Keep a process running until told to stop; the last one may come to its end."""
        with self._output.open("ab") as output, self.log.open("ab") as log:
            while not stop.is_set():
                self._process = subprocess.Popen(
                    command(*self._next_arguments()),
                    cwd=ROOT,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    process_group=0,
                )
                self.ends[self._wait(self._process, stop)] += 1
                stop.wait(self._next_pause())

    def at_work(self) -> subprocess.Popen[bytes] | None:
        """Return the process that runs here, once it is at its work."""
        process = self._process
        is_running = process is not None and process.poll() is None
        return process if process and is_running and self._is_at_work(process.pid) else None

    def kill(self, process: subprocess.Popen[bytes]) -> bool:
        """Kill a process, without a chance to tidy up; False if it has ended by itself."""
        if process.poll() is not None:
            return False
        process.kill()
        self.kills += 1
        return True

    def _wait(self, process: subprocess.Popen[bytes], stop: threading.Event) -> int:
        while True:
            try:
                return process.wait(0.1)
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    return self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        process.terminate()
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def strange_ends(self) -> list[str]:
        """Say which processes ended otherwise than by their work, a kill or the last stop."""
        usual = {0: self.ends[0], _KILLED: self.kills, _TERMINATED: 1}
        return [
            f"{self.name} ended with {code} ({count} times), see {self.log}"
            for code, count in self.ends.items()
            if count > usual.get(code, 0)
        ]


def fleet(plan: Plan, environment: Environment, port: int, directory: Path) -> list[Slot]:
    """Return two slots for each job, and the API's."""
    slots = [
        _job_slot(f"{job}-{number}", job, plan.dice(f"{job}-{number}"), environment, directory)
        for job in ("process", "monitor")
        for number in (1, 2)
    ]
    serve = ("serve", "--host", HOST, "--port", str(port))
    url = f"http://{HOST}:{port}"
    api = Slot("api", lambda: serve, lambda: 0.0, environment, directory, lambda _: is_live(url))
    return [*slots, api]


def _job_slot(
    name: str, job: str, dice: random.Random, environment: Environment, directory: Path
) -> Slot:
    def arguments() -> Sequence[str]:
        return (job, "--until-idle") if dice.random() < 0.5 else (job,)

    def has_database(pid: int) -> bool:
        return _has_open(pid, directory / "oms.db")

    def pause() -> float:
        return dice.uniform(0.1, 0.8)

    return Slot(name, arguments, pause, environment, directory, has_database)


def _has_open(pid: int, path: Path) -> bool:
    """Tell whether a process has a file open; True where the system does not say."""
    if not _PROCESSES.exists():
        return True
    with contextlib.suppress(OSError):  # it has ended
        return any(link.readlink() == path for link in (_PROCESSES / str(pid) / "fd").iterdir())
    return False


def kill_at_random(slots: Sequence[Slot], dice: random.Random, stop: threading.Event) -> None:
    """Kill a process every one to three seconds, somewhere in its work.

    While a process starts there is nothing to be broken, and most of a job's life is its start.
    Who is next is drawn first, and waited for: however slow the machine, the others go on.
    """
    while not stop.wait(dice.uniform(0.5, 2.0)):
        slot = dice.choice(slots)
        while not _hit(slot, dice, stop):
            if stop.wait(_LOOK_AGAIN_SECONDS):
                return


def _hit(slot: Slot, dice: random.Random, stop: threading.Event) -> bool:
    victim = slot.at_work()
    if victim is None:
        return False
    # Rather early than late: a run with little to do is over soon.
    stop.wait(_WORK_SECONDS * dice.random() ** 2)
    return slot.kill(victim)
