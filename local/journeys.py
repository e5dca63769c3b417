"""What became of each sample, and in what that differs from what its file expects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.samples import Sample
from local.stack import DEFAULT_TOPIC

COMPLETED, FAILED, HELD, REFUSED = "COMPLETED", "FAILED", "HELD", "REFUSED"
_TERMINAL = (COMPLETED, FAILED)


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event as the consumer process printed it, and when it was read from there."""

    message: dict[str, Any]
    seen_at: float

    @property
    def envelope(self) -> dict[str, Any]:
        """The CloudEvents envelope; empty where the message was not JSON."""
        return self.message["value"] or {}

    @property
    def status(self) -> str:
        """The status that the event tells."""
        return str(self.envelope.get("data", {}).get("status"))


@dataclass(slots=True)
class Journey:
    """One sample request on its way. Moments are seconds of the monotonic clock."""

    sample: Sample
    http_status: int
    answer: dict[str, Any]
    """The resource as it was read last, or the problem document of a refusal."""
    accepted_at: float
    events: list[SeenEvent] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The number of the sample, by which the lines on the screen are told apart."""
        return self.sample.name[:2]

    @property
    def is_accepted(self) -> bool:
        """Whether the request was accepted."""
        return self.http_status == 202

    @property
    def status(self) -> str:
        """The status, or REFUSED."""
        return str(self.answer.get("status")) if self.is_accepted else REFUSED

    @property
    def reason(self) -> str:
        """Why the request failed or was refused; empty otherwise."""
        if not self.is_accepted:
            errors = [f"{error['field']}: {error['message']}" for error in self.errors]
            return "; ".join(errors) or str(self.answer.get("detail", ""))
        return str(self.answer.get("failure", {}).get("message", ""))

    @property
    def category(self) -> str | None:
        """The category of the failure."""
        category: str | None = self.answer.get("failure", {}).get("category")
        return category

    @property
    def kind(self) -> str:
        """The kind of the failure or the refusal, in a word."""
        return self.category or str(self.http_status)

    @property
    def batch(self) -> str:
        """The id of Thunderhead's batch; empty where there is none."""
        return str(self.answer.get("thunderheadBatchId", ""))

    @property
    def errors(self) -> list[dict[str, str]]:
        """The refused fields."""
        errors: list[dict[str, str]] = self.answer.get("errors", [])
        return errors

    @property
    def seconds(self) -> float | None:
        """The time from accept to event."""
        return self.events[0].seen_at - self.accepted_at if self.events else None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is expected: refused, held, or terminal with an event."""
        if self.status in _TERMINAL:
            return bool(self.events)
        return self.status in (REFUSED, HELD)


def differences(journeys: Iterable[Journey]) -> list[str]:
    """Return in what the journeys differ from what their samples expect, a line for each."""
    return [
        f"{journey.number} {journey.sample.title}: {difference}"
        for journey in journeys
        for difference in _differences(journey)
    ]


def _differences(journey: Journey) -> list[str]:
    expected = journey.sample.expected
    if journey.status != expected["outcome"]:
        reason = f" ({journey.reason})" if journey.reason else ""
        return [f"expected {expected['outcome']}, it is {journey.status}{reason}"]
    if journey.status == REFUSED:
        return _of_refusal(journey, expected)
    category = expected.get("category")
    wrong = []
    if journey.category != category:
        wrong.append(f"expected a failure of category {category}, it is {journey.category}")
    return wrong + _of_events(journey, expected.get("topic", DEFAULT_TOPIC))


def _of_refusal(journey: Journey, expected: dict[str, Any]) -> list[str]:
    wrong = []
    if journey.http_status != expected["httpStatus"]:
        wrong.append(f"expected HTTP {expected['httpStatus']}, it is {journey.http_status}")
    fields = [error["field"] for error in journey.errors]
    if not any(field.startswith(expected["field"]) for field in fields):
        wrong.append(f"expected {expected['field']} to be refused, it is {fields}")
    return wrong


def _of_events(journey: Journey, topic: str) -> list[str]:
    ids = {event.envelope.get("id") for event in journey.events}
    if len(journey.events) != 1:
        return [f"expected one event, the consumer saw {len(journey.events)} with {len(ids)} ids"]
    event = journey.events[0]
    wrong = []
    if event.message["topic"] != topic:
        wrong.append(f"expected its event on {topic}, it is on {event.message['topic']}")
    if event.status != journey.status:
        wrong.append(f"its event tells {event.status}, the API {journey.status}")
    return wrong
