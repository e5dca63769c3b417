"""A report of the scanner is believed only where it has really scanned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.scanner.__main__ import problems


def report(**summary: int) -> dict[str, Any]:
    return {
        "summary": {"passed": 40, "failed": 0, "parsing_errors": 0} | summary,
        "results": {"failed_checks": []},
    }


def test_a_clean_report_is_clean() -> None:
    assert problems(report(), "") == []


@pytest.mark.parametrize(
    ("summary", "complaints", "expected"),
    [
        ({"parsing_errors": 1}, "", "could not be read"),
        ({"passed": 0}, "", "nothing was scanned"),
        ({}, "[ERROR]  Failed to run check CKV_AZURE_1 on x", "Failed to run check"),
    ],
)
def test_what_was_not_scanned_is_a_problem(
    summary: dict[str, int], complaints: str, expected: str
) -> None:
    (problem,) = problems(report(**summary), complaints)
    assert expected in problem


def test_a_failed_check_is_named() -> None:
    failed = {
        "check_id": "CKV_AZURE_1",
        "file_path": "/x.bicep",
        "resource": "a.b",
        "check_name": "why",
    }
    found = report() | {"results": {"failed_checks": [failed]}}
    assert problems(found, "") == ["CKV_AZURE_1 /x.bicep a.b: why"]
