"""Charts as shapes for inline SVG: no script, no style attribute; the numbers are in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.jobs.console_models import Tally
from shared.jobs.overview import Activity, Step

WIDTH, HEIGHT = 720, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 4, 10, 24
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Rect:
    """A bar, or a part of one; `kind` names its colour."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A number beside the chart, at its height."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    """A time below the chart."""

    x: float
    moment: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over time: what was accepted, beside what was completed and failed."""

    rects: Sequence[Rect]
    ticks: Sequence[Tick]
    labels: Sequence[Label]
    label_form: str
    """How a label is written: `short` (a time) or `day`."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


def bars(activity: Activity) -> Chart:
    """Draw an activity."""
    tallies = [bucket.tally for bucket in activity.buckets]
    top = nice_maximum(max((max(t.accepted, t.completed + t.failed) for t in tallies), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / len(tallies)
    bar = min(step * 0.38, 26)
    ground = HEIGHT - _BOTTOM
    scale = (ground - _TOP) / top

    def rects(index: int, tally: Tally) -> list[Rect]:
        middle = _LEFT + (index + 0.5) * step
        completed, failed = tally.completed * scale, tally.failed * scale
        accepted = tally.accepted * scale
        return [
            _rect("accepted", middle - bar, ground - accepted, bar, accepted),
            _rect("completed", middle, ground - completed, bar, completed),
            _rect("failed", middle, ground - completed - failed, bar, failed),
        ]

    every = -(-len(tallies) // _MOST_LABELS)
    return Chart(
        rects=[
            rect
            for index, tally in enumerate(tallies)
            for rect in rects(index, tally)
            if rect.height
        ],
        ticks=[Tick(round(ground - top * scale * n / 2, 1), top * n // 2) for n in range(3)],
        labels=[
            Label(round(_LEFT + (index + 0.5) * step, 1), bucket.start)
            for index, bucket in enumerate(activity.buckets)
            if index % every == 0
        ],
        label_form="short" if activity.step is Step.HOUR else "day",
    )


def nice_maximum(value: int) -> int:
    """Return the even number that a scale should end with (10, 20, 50, 100, and so on)."""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if size * factor >= value:
                return size * factor
        size *= 10


@dataclass(frozen=True, slots=True)
class Share:
    """A line of a comparison: its parts, in percent of the longest line."""

    name: str
    tally: Tally
    completed: float
    failed: float


def shares(tallies: Mapping[str, Tally]) -> list[Share]:
    """Compare what was completed and failed by name."""
    longest = max((tally.completed + tally.failed for tally in tallies.values()), default=0) or 1
    return [
        Share(
            name,
            tally,
            round(100 * tally.completed / longest, 1),
            round(100 * tally.failed / longest, 1),
        )
        for name, tally in tallies.items()
    ]


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Rect:
    return Rect(kind, round(x, 1), round(y, 1), round(width, 1), round(height, 1))
