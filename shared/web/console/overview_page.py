"""The overview: how things stand, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from shared.jobs.console_models import Tally
from shared.jobs.overview import MOST_DAYS, Activity, Step
from shared.web.console.addresses import Reader, address, given_in
from shared.web.console.charts import bars, shares
from shared.web.console.concerns import concerns_of, verdict_on
from shared.web.console.visits import Visit

_HOURS_IN_BARS = timedelta(hours=49)
"""Up to here a bar is an hour, then a day."""

_LONGEST = timedelta(days=MOST_DAYS - 1)
"""It begins and ends within hours that are shown whole: that makes it longer."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period that somebody asked for."""

    name: str
    start: datetime
    end: datetime

    @property
    def step(self) -> Step:
        """The width of a bar."""
        return Step.HOUR if self.end - self.start <= _HOURS_IN_BARS else Step.DAY


PERIODS = (("today", "Today"), ("7d", "7 days"), ("30d", "30 days"), ("custom", "Custom"))


def show_overview(visit: Visit) -> Response:
    """Show the overview; to htmx, which refreshes it, the part that changes."""
    given = given_in(visit.request.query_params, ("period", "from", "to"))
    now = visit.console.clock()
    overview = visit.console.overviews.now(visit.caller)
    reader = Reader(given)
    period = _period(reader, now)
    activity = visit.console.overviews.activity(period.start, period.end, period.step, visit.caller)
    concerns = concerns_of(overview)
    return visit.page(
        "overview_parts.html" if "hx-request" in visit.request.headers else "overview.html",
        section="Overview",
        overview=overview,
        concerns=concerns,
        verdict=verdict_on(concerns),
        period=period,
        periods=PERIODS,
        given=given,
        errors=reader.errors,
        activity=activity,
        chart=bars(activity),
        systems=shares(_by_volume(activity)),
        refresh_path=address("/console/", given),
    )


def _period(reader: Reader, now: datetime) -> Period:
    """Read the period; one that cannot be shown is today, with a message."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = midnight + timedelta(days=1)
    today = Period("today", midnight, tomorrow)
    match reader.text("period") or "today":
        case "today":
            return today
        case "7d":
            return Period("7d", tomorrow - timedelta(days=7), tomorrow)
        case "30d":
            return Period("30d", tomorrow - timedelta(days=30), tomorrow)
        case "custom":
            start, end = reader.moment("from"), reader.moment("to")
            if start and end:
                end = min(end, tomorrow)
                if timedelta(0) < end - start <= _LONGEST:
                    return Period("custom", start, end)
            if reader.given.get("from") or reader.given.get("to"):
                reader.errors.setdefault(
                    "from", f"must begin before its end, and last {_LONGEST.days} days at most"
                )
            return Period("custom", today.start, today.end)
        case _:
            reader.errors["period"] = "must be today, 7d, 30d or custom"
            return today


def _by_volume(activity: Activity) -> dict[str, Tally]:
    """Put the source systems with most requests first."""

    def volume(item: tuple[str, Tally]) -> int:
        tally = item[1]
        return tally.accepted + tally.completed + tally.failed

    return dict(sorted(activity.by_source_system.items(), key=volume, reverse=True))
