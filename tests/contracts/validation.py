"""What other tests may call: whether an event is what docs/contracts promises."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.contracts.documents import EVENT_SCHEMA, load
from tests.contracts.schemas import Schemas


def assert_valid_event(event: dict[str, Any]) -> None:
    """Check a published event (the parsed value of the Kafka message).

    Members that the schema does not name are faults here: we are their producer.
    """
    faults = event_faults(event)
    assert not faults, f"the event breaks {EVENT_SCHEMA}:\n" + "\n".join(faults)


def event_faults(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with an event, each with its place."""
    faults = _schemas().violations(event, {"$ref": "#"})
    data = event.get("data")
    if isinstance(data, dict):
        # What JSON Schema cannot say: values that have to be equal.
        if event.get("subject") != data.get("requestId"):
            faults.append("$.subject: is not the requestId of data")
        if event.get("time") != data.get("updatedAt"):
            faults.append("$.time: is not the updatedAt of data")
    return faults


@cache
def _schemas() -> Schemas:
    return Schemas(load(EVENT_SCHEMA))
