"""The metrics, on the API of OpenTelemetry: without an SDK (`shared.exporters`) they are no-ops.

No attribute holds an id: each has few values, which the code knows. docs/observability.md has
the same list, and a test holds it to this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from opentelemetry import metrics
from opentelemetry.metrics import Counter, Histogram, Meter

CATALOGUE: list[Measure] = []
"""All of them."""

_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800)
_POLLS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)


class Kind(StrEnum):
    """What is kept of the values."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric; the unit is UCUM's."""

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    description: str
    buckets: tuple[int, ...] = ()

    def record(self, value: float, attributes: Mapping[str, str] | None = None) -> None:
        """Add a value to a counter or histogram, or set a gauge."""
        _instruments[self.name](value, attributes)


def _measure(name: str, kind: Kind, unit: str, *attributes: str, says: str) -> Measure:
    buckets = {"s": _SECONDS, "{poll}": _POLLS}[unit] if kind is Kind.HISTOGRAM else ()
    CATALOGUE.append(Measure(name, kind, unit, attributes, says, buckets))
    return CATALOGUE[-1]


TRANSITIONS = _measure(
    "oms.request.transitions",
    Kind.COUNTER,
    "{transition}",
    "oms.request.status",
    "oms.failure.category",
    says="Requests that entered a status; the category where they FAILED.",
)
SUBMISSION_DURATION = _measure(
    "oms.request.submission.duration",
    Kind.HISTOGRAM,
    "s",
    says="From the acceptance of a request to its submission (first generations only).",
)
GENERATION_DURATION = _measure(
    "oms.request.generation.duration",
    Kind.HISTOGRAM,
    "s",
    "oms.request.status",
    says="From submission to COMPLETED or FAILED.",
)
PUBLICATION_DURATION = _measure(
    "oms.event.publication.duration",
    Kind.HISTOGRAM,
    "s",
    says="From a terminal status to the broker's acknowledgement of its event.",
)
BATCH_POLLS = _measure(
    "oms.batch.polls",
    Kind.HISTOGRAM,
    "{poll}",
    says="Polls that a batch took until it was settled.",
)
RUN_DURATION = _measure(
    "oms.job.run.duration",
    Kind.HISTOGRAM,
    "s",
    "oms.job",
    "error.type",
    says="Runs of a job; the error where a run could not end.",
)
JOB_ITEMS = _measure(
    "oms.job.items",
    Kind.COUNTER,
    "{item}",
    "oms.job",
    "oms.job.result",
    says="What the runs did: the counts of their summaries.",
)
REQUEST_COUNT = _measure(
    "oms.request.count",
    Kind.GAUGE,
    "{request}",
    "oms.request.status",
    says="Requests that are RECEIVED, PROCESSING, SUBMITTED or HELD.",
)
REQUEST_OLDEST_AGE = _measure(
    "oms.request.oldest.age",
    Kind.GAUGE,
    "s",
    "oms.request.status",
    says="How long the oldest of them has waited for what comes next.",
)
OUTBOX_EVENTS = _measure(
    "oms.outbox.events",
    Kind.GAUGE,
    "{event}",
    "oms.outbox.state",
    says="Events that are PENDING or SET_ASIDE.",
)
OUTBOX_OLDEST_AGE = _measure(
    "oms.outbox.oldest.age",
    Kind.GAUGE,
    "s",
    "oms.outbox.state",
    says="How old the oldest of them is.",
)
HEARTBEAT_AGE = _measure(
    "oms.job.heartbeat.age",
    Kind.GAUGE,
    "s",
    "oms.job",
    says="How long ago the last run of a job ended.",
)
PAUSE_AGE = _measure(
    "oms.dependency.pause.age",
    Kind.GAUGE,
    "s",
    "oms.dependency",
    says="How long a dependency has been paused; 0 while it is not.",
)
STALE_AGE = _measure(
    "oms.reference_data.stale.age",
    Kind.GAUGE,
    "s",
    says="Age of the reference data that is used while it cannot be renewed.",
)
DATABASE_UTILIZATION = _measure(
    "oms.database.utilization",
    Kind.GAUGE,
    "1",
    says="Used share of the database's largest size, where it has one.",
)


def instruments(meter: Meter) -> dict[str, Any]:
    """Make the instruments of a meter: by name, what takes a value and its attributes."""
    return {measure.name: _instrument(meter, measure) for measure in CATALOGUE}


def _instrument(meter: Meter, measure: Measure) -> Any:
    name, unit, says = measure.name, measure.unit, measure.description
    match measure.kind:
        case Kind.COUNTER:
            counter: Counter = meter.create_counter(name, unit, says)
            return counter.add
        case Kind.HISTOGRAM:
            histogram: Histogram = meter.create_histogram(
                name, unit, says, explicit_bucket_boundaries_advisory=measure.buckets
            )
            return histogram.record
        case Kind.GAUGE:
            return meter.create_gauge(name, unit, says).set
        case unreachable:
            assert_never(unreachable)


_instruments = instruments(metrics.get_meter("oms"))
