"""Run checkov over infra/ and judge its report: `python -m tests.infra.scanner CHECKOV`.

Its exit code alone would call a file clean that it could not read, and a check that broke.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
CONFIGURATION = "infra/checkov.yaml"


def problems(report: dict[str, Any], complaints: str) -> list[str]:
    """Return what is wrong, a line each."""
    summary = report["summary"]
    found = [
        f"{one['check_id']} {one['file_path']} {one['resource']}: {one['check_name']}"
        for one in report["results"]["failed_checks"]
    ]
    if summary["parsing_errors"]:
        found.append(f"{summary['parsing_errors']} files could not be read by checkov")
    if not summary["passed"]:
        found.append("no check passed: nothing was scanned")
    found.extend(line for line in complaints.splitlines() if "Failed to run check" in line)
    return found


def main() -> int:
    scanned = subprocess.run(
        [sys.argv[1], "--config-file", CONFIGURATION, "--compact", "--output", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(scanned.stdout)
    except ValueError:
        print(scanned.stdout, scanned.stderr, sep="\n", file=sys.stderr)
        return 2
    found = problems(report, scanned.stderr)
    print(*found, sep="\n", end="\n" if found else "")
    summary = report["summary"]
    print(
        f"checkov {summary['checkov_version']}: {summary['passed']} checks passed, "
        f"{summary['failed']} failed, {summary['skipped']} skipped with a reason"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
