"""What several tests check in the same way."""

from __future__ import annotations

from typing import Any

from shared.web.answers import ProblemDocument

PATH = "/api/v1/document-requests"


def assert_problem(response: Any, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Check a problem document, and that it names these fields and no others."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    ProblemDocument.model_validate(problem, extra="forbid")
    assert (problem["status"], problem["code"]) == (status, code)
    named = [error["field"] for error in problem["errors"]]
    assert len(named) == len(set(named))
    if fields:
        assert set(named) == set(fields), problem["errors"]
    assert len(problem["traceId"]) == 32
    return problem
