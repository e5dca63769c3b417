"""The sample requests, for the demo and the tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUESTS = Path(__file__).parent / "sample_data" / "requests"

# The request is the last member of each file; its text starts after this one.
_REQUEST_MEMBER = '\n  "request": '


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample request and what is expected to become of it."""

    name: str
    title: str
    expected: dict[str, Any]
    body: bytes
    """The request as it is written in the file: numbers keep their digits (`10.50`)."""

    @property
    def request(self) -> dict[str, Any]:
        """The request as Python objects; numbers with a fraction become floats."""
        request: dict[str, Any] = json.loads(self.body)
        return request


def load_samples(directory: Path = REQUESTS) -> list[Sample]:
    """Read all samples in the order of their file names."""
    return [_load(path) for path in sorted(directory.glob("*.json"))]


def _load(path: Path) -> Sample:
    text = path.read_text(encoding="utf-8")
    sample = json.loads(text)
    start = text.index(_REQUEST_MEMBER) + len(_REQUEST_MEMBER)
    _, end = json.JSONDecoder().raw_decode(text, start)
    return Sample(path.stem, sample["title"], sample["expected"], text[start:end].encode())
