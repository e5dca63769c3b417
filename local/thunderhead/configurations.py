"""The batch configurations that the tenant knows, and what their templates demand."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Channel:
    """One output that a template produces for each document."""

    name: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class BatchConfiguration:
    """One configuration: a template with its channels and its mandatory elements.

    An element is named by itself (`TotalAmount`) or with parents (`Policyholder/Name`) and must
    occur somewhere in the transaction data; that it is empty does not matter.
    """

    resource_id: str
    template: str
    channels: tuple[Channel, ...]
    mandatory_elements: tuple[str, ...]
    """Missing: the document fails when it is generated."""
    elements_required_at_submission: tuple[str, ...]
    """Missing: the whole submission is refused."""


def load_configurations(path: Path) -> dict[str, BatchConfiguration]:
    """Read the configurations by their resource id."""
    return {
        entry["batchConfigResId"]: BatchConfiguration(
            resource_id=entry["batchConfigResId"],
            template=entry["template"],
            channels=tuple(
                Channel(channel["channelName"], channel["mimeType"])
                for channel in entry["channels"]
            ),
            mandatory_elements=tuple(entry["mandatoryElements"]),
            elements_required_at_submission=tuple(entry.get("elementsRequiredAtSubmission", ())),
        )
        for entry in json.loads(path.read_bytes())
    }
