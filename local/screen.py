"""What the demo shows: a live table on a terminal, plain lines anywhere else."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.journeys import REFUSED, Journey, SeenEvent

_PLAIN_WIDTH = 100

# Told by symbol and word as well: not everybody sees the colours.
_LOOKS = {
    "RECEIVED": ("○", "cyan"),
    "PROCESSING": ("◔", "yellow"),
    "SUBMITTED": ("◑", "blue"),
    "COMPLETED": ("✔", "green"),
    "FAILED": ("✘", "red"),
    "HELD": ("‖", "magenta"),
    REFUSED: ("⊘", "red"),
}


def open_console() -> Console:
    """Return a console on stdout that writes control characters to terminals only."""
    if not sys.stdout.isatty():
        # A character that the encoding lacks is no reason to fail.
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        return Console(force_terminal=False, width=_PLAIN_WIDTH, highlight=False)
    return Console(highlight=False)


class Screen:
    """Shows one run of the demo."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._stages = 0
        self._sentence = ""
        self._journeys: Sequence[Journey] = ()
        self._shown: dict[str, tuple[str, str]] = {}
        self._live: Live | None = None

    def title(self) -> None:
        """Say what is to be seen."""
        self._console.print()
        self._console.rule(Text("Output Management System: from request to event", "bold"))

    def stage(self, headline: str, sentence: str) -> None:
        """Begin a stage, with one sentence on what happens in it."""
        self._stages += 1
        self._console.print()
        self._console.print(Text(f"{self._stages}  {headline}", "bold"))
        self.note(sentence)

    def note(self, text: str | Text) -> None:
        """Say something about the present stage."""
        self._console.print(Padding(text, (0, 0, 0, 3), expand=False))

    def submitted(self, journeys: Sequence[Journey]) -> None:
        """Tell which requests were accepted and which were refused, and why."""
        accepted = sum(journey.is_accepted for journey in journeys)
        self.note(f"{accepted} accepted with 202, {len(journeys) - accepted} refused:")
        for journey in journeys:
            if not journey.is_accepted:
                line = Text.assemble(
                    (f"{_look(REFUSED)[0]} {journey.number} {journey.kind}  ", "red"),
                    journey.reason,
                )
                self.note(line)

    @contextlib.contextmanager
    def following(self, journeys: Sequence[Journey]) -> Iterator[None]:
        """Show the accepted requests on their way while the context is open."""
        self._journeys = [journey for journey in journeys if journey.is_accepted]
        self.stage(
            f"Following {len(self._journeys)} documents to their events",
            "Each ✉ is a Kafka event as the consumer, a process of its own, has printed it.",
        )
        with contextlib.ExitStack() as stack:
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live = stack.enter_context(live)
            else:
                for journey in self._journeys:
                    self.note(Text(f"{journey.number}  {journey.sample.title}"))
            yield
        self._live = None

    def follow(self, sentence: str) -> None:
        """Show how things stand, and what is happening."""
        if self._live is not None:
            caption = Table.grid(padding=(0, 2))
            caption.add_row(Text(self._clock(), "bold", no_wrap=True), sentence)
            self._live.update(Group(_table(self._journeys), caption), refresh=True)
            return
        if sentence != self._sentence:
            self._sentence = sentence
            self.note(sentence)
        changed: dict[tuple[str, str], list[str]] = {}
        for journey in self._journeys:
            state = (journey.status, journey.batch)
            if self._shown.get(journey.number) != state:
                self._shown[journey.number] = state
                changed.setdefault(state, []).append(journey.number)
        for (status, batch), numbers in changed.items():
            line = f"{self._clock()}  {_status(status)!s:12}  {' '.join(numbers)}"
            self.note(f"{line}  in batch {batch}" if batch else line)

    def event(self, journey: Journey, event: SeenEvent) -> None:
        """Show an event."""
        message, kind = event.message, str(event.envelope.get("type"))
        place = f"{message['topic']}[{message['partition']}]@{message['offset']}"
        self.note(
            Text.assemble(
                f"{self._clock(event.seen_at)}  ✉ {journey.number} ",
                (f"{place:27} ", "dim"),
                (kind, _look(event.status)[1]),
                (f" id {event.envelope.get('id')}", "dim"),
                no_wrap=True,
                overflow="ellipsis",
            )
        )

    def closing(self, journeys: Sequence[Journey]) -> None:
        """Show what became of every sample."""
        self.stage("What became of them", "Times are from the 202 to the consumed event.")
        self._console.print(_table(journeys))
        for journey in journeys:
            if journey.reason:
                symbol, style = _look(journey.status)
                self.note(
                    Text.assemble(
                        (f"{symbol} {journey.number} {journey.kind}  ", style), journey.reason
                    )
                )
        self._console.print()

    def success(self, journeys: Sequence[Journey], seconds: float) -> None:
        """Say that all was as expected."""
        counts = [
            f"{sum(journey.status == status for journey in journeys)} {status.lower()}"
            for status in ("COMPLETED", "FAILED", REFUSED)
        ]
        events = sum(len(journey.events) for journey in journeys)
        line = (
            f"✔ All {len(journeys)} samples ended as expected ({', '.join(counts)}); {events} "
            f"events, exactly one for each accepted request; {seconds:.0f} s."
        )
        self._console.print(Text(line, "bold green"))

    def failure(self, differences: Sequence[str], hint: str) -> None:
        """Say what was not as expected."""
        self._console.print(Text("✘ Not everything was as expected:", "bold red"))
        for difference in differences:
            self.note(Text(difference))
        self._console.print(Text(hint))

    def _clock(self, moment: float | None = None) -> str:
        return f"{(moment or time.monotonic()) - self._started:4.1f} s"


def _table(journeys: Sequence[Journey]) -> Table:
    """Return a line for each journey; only the titles give way where space is short."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    table.add_column("", no_wrap=True)
    table.add_column("Request", no_wrap=True, ratio=1)
    table.add_column("Document", no_wrap=True)
    table.add_column("Status", no_wrap=True, min_width=12)
    table.add_column("Batch", no_wrap=True, min_width=13)
    table.add_column("Event on", no_wrap=True, min_width=19)
    table.add_column("Time", no_wrap=True, min_width=6, justify="right")
    for journey in journeys:
        table.add_row(
            journey.number,
            Text(journey.sample.title),
            Text(journey.sample.request["documentName"]),
            _status(journey.status),
            Text(journey.batch or "-"),
            Text(", ".join(event.message["topic"] for event in journey.events) or "-"),
            f"{journey.seconds:.1f} s" if journey.seconds is not None else "-",
        )
    return table


def _look(status: str) -> tuple[str, str]:
    return _LOOKS.get(status, ("?", ""))


def _status(status: str) -> Text:
    symbol, style = _look(status)
    return Text(f"{symbol} {status}", style)
