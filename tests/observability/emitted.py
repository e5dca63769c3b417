"""What the code emits, read from the code: the fields of every log line."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from shared.domain.figures import OPEN, Figures, Waiting
from shared.domain.models import JobRun, Pause
from shared.jobs import census, pausing
from shared.jobs.runs import MONITORING, PROCESSING, Run, Runs
from shared.telemetry import EcsFormatter
from tests.unit.domain.builders import NOON

ROOT = Path(__file__).parents[2]
LEVELS = ("debug", "info", "warning", "error", "critical", "exception")
_MADE_AT_RUN_TIME = ("job run finished", "figures taken")
"""Lines whose fields are put together: they are emitted here, the others are read."""


def written_lines() -> Mapping[str, frozenset[str]]:
    """Return the fields that each constant message is logged with, from the source."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    functions = (folder.with_name("__init__.py") for folder in ROOT.glob("*/function.json"))
    for path in (*ROOT.glob("shared/**/*.py"), *functions):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        helpers = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for call in _log_calls(tree):
            message = call.args[0]
            assert isinstance(message, ast.Constant), f"{path}:{call.lineno}: not a constant"
            assert len(call.args) == 1, f"{path}:{call.lineno}: values belong into `extra`"
            if message.value in _MADE_AT_RUN_TIME:
                continue
            found[message.value].update(_fields_of(call, helpers))
    return {message: frozenset(fields) for message, fields in found.items()}


def _log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="logger" | "_logger" | "_log"), attr=level)
            ):
                if level in LEVELS:
                    yield node


def _fields_of(call: ast.Call, helpers: Mapping[str, ast.FunctionDef]) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg != "extra":
            continue
        value = keyword.value
        if isinstance(value, ast.Call):
            name = value.func.attr if isinstance(value.func, ast.Attribute) else value.func.id  # type: ignore[attr-defined]
            (value,) = [
                node.value for node in ast.walk(helpers[name]) if isinstance(node, ast.Return)
            ]
        assert isinstance(value, ast.Dict), f"line {call.lineno}: fields that cannot be read"
        for key in value.keys:
            assert isinstance(key, ast.Constant)
            yield key.value


class _NoStore:
    """Forgets what it is told."""

    def write(self, _work: Any) -> None:
        pass


def made_lines() -> Mapping[str, dict[str, Any]]:
    """Emit the lines whose fields are put together, and read them back as ECS."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EcsFormatter("test"))
    logger = logging.getLogger("shared")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    try:
        with trace.use_span(NonRecordingSpan(context)):
            run = Run(PROCESSING, UUID(int=1), NOON, NOON)
            Runs(_NoStore(), lambda: NOON, UUID, 1).finish(run)  # type: ignore[arg-type]
            _take_a_census(run.run_id)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return {line["message"]: line for line in lines}


def _take_a_census(run_id: UUID) -> None:
    one = Waiting(1, NOON - timedelta(seconds=60))
    figures = Figures(
        dict.fromkeys(OPEN, one), {"PENDING": one, "SET_ASIDE": one}, database_utilization=0.5
    )
    last = {job: JobRun(job, run_id, NOON, NOON, {}) for job in (PROCESSING, MONITORING)}
    names = (pausing.THUNDERHEAD, "submissions:1", pausing.EVENTS)
    pauses = {name: Pause(name, NOON, None, 0, "why", "who") for name in names}
    census._tell(
        run_id, figures, census._heartbeats(last, NOON), census._paused(pauses, NOON), NOON
    )


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a tree by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def emitted_fields() -> set[str]:
    """Return every field that some line of the code has."""
    made = {field for line in made_lines().values() for field in flat(line)}
    written = {field for fields in written_lines().values() for field in fields}
    return made | written
