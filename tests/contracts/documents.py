"""The documents of docs/contracts, as parsed JSON."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DIRECTORY = Path(__file__).parents[2] / "docs" / "contracts"
DOCUMENT_REQUEST_API = "document-request-api.json"
REFERENCE_DATA_API = "reference-data-api.yaml"
THUNDERHEAD_API = "thunderhead-api.yaml"
OPENAPI_DOCUMENTS = (DOCUMENT_REQUEST_API, REFERENCE_DATA_API, THUNDERHEAD_API)
EVENT_SCHEMA = "terminal-status-event.schema.json"
ASYNCAPI = "asyncapi.yaml"


@cache
def load(name: str) -> Any:
    """Parse a document; the caller must not change it."""
    text = (DIRECTORY / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
