"""What a round shows: a live table on a terminal, a line every few seconds anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.chaos.round import State
from tests.crash.judge import Finding

_LINE_SECONDS = 5.0
_MOST_OFFENDERS = 10
_STATUSES = {
    "RECEIVED": "cyan",
    "PROCESSING": "yellow",
    "SUBMITTED": "blue",
    "COMPLETED": "green",
    "FAILED": "red",
    "HELD": "magenta",
}


class Screen:
    """Shows one round."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._live: Live | None = None
        self._next_line = 0.0

    @contextmanager
    def following(self) -> Iterator[None]:
        """Show how things stand while the context is open."""
        with ExitStack() as stack:
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                live = Live(console=self._console, auto_refresh=False)
                self._live = stack.enter_context(live)
            yield
        self._live = None

    def show(self, state: State) -> None:
        """Show how things stand."""
        if self._live is not None:
            self._live.update(self._table(state), refresh=True)
        elif state.seconds >= self._next_line or state.phase == "over":
            self._next_line = state.seconds + _LINE_SECONDS
            self._console.print(_line(state), soft_wrap=True)

    def verdict(self, findings: Sequence[Finding]) -> None:
        """Show each promise, how often it was put to the test, and where it was broken."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("")
        table.add_column("Promise")
        table.add_column("Tested", justify="right")
        table.add_column("Broken", justify="right")
        for finding in findings:
            look = ("✔", "green") if finding.is_kept else ("✘", "bold red")
            table.add_row(
                Text(*look), finding.promise, str(finding.tested), str(len(finding.offenders))
            )
        self._console.print(table)
        for finding in findings:
            if not finding.is_kept:
                self._console.print(Text(finding.promise, "bold red"))
                for offender in finding.offenders[:_MOST_OFFENDERS]:
                    self._console.print(Text(f"  {offender}"), soft_wrap=True)
                if len(finding.offenders) > _MOST_OFFENDERS:
                    self._console.print(f"  and {len(finding.offenders) - _MOST_OFFENDERS} more")

    def _table(self, state: State) -> Table:
        table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
        table.add_column(justify="right")
        table.add_column(style="dim")
        table.add_row(f"{state.seconds:.0f} s", state.phase)
        table.add_row(str(state.posted), f"requests posted of {self._total}")
        for status, style in _STATUSES.items():
            table.add_row(Text(str(state.statuses[status]), style), status)
        table.add_row(str(state.faults), "faults injected into Thunderhead's answers")
        table.add_row(str(state.kills), "processes killed")
        table.add_row(str(state.outages), "outages of the broker or the reference data")
        table.add_row(str(state.actions.total()), f"operator actions, {state.refused} refused")
        table.add_row(str(state.events), "events consumed")
        return table


def _line(state: State) -> str:
    statuses = " ".join(f"{name} {state.statuses[name]}" for name in _STATUSES)
    return (
        f"{state.seconds:4.0f} s {state.phase}: posted {state.posted}; {statuses}; "
        f"faults {state.faults}, kills {state.kills}, outages {state.outages}, "
        f"actions {state.actions.total()} ({state.refused} refused), events {state.events}"
    )
