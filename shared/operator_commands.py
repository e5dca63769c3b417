"""The commands of operators: `python -m shared operations …` (contracts, section 6).

Every action names who orders it and why: in the audit, and in the history where a status changes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.domain.statuses import FailureCategory
from shared.domain.timing import rfc3339
from shared.errors import ActionRefused, ReferenceDataUnavailable, RequestNotFound
from shared.jobs.console_models import ActionFilter, Position
from shared.jobs.queries import Caller
from shared.jobs.request_storage import RequestFilter
from shared.settings import Settings, load_settings

if TYPE_CHECKING:
    from shared.composition import System
    from shared.domain.models import DocumentRequest
    from shared.jobs.held import HeldBatch

EXIT_REFUSED = 1
MOST_LISTED = 100
PER_STEP = 100
"""Requests that one step of a bulk order takes."""

_Action = Callable[["System", argparse.Namespace], Iterable[str]]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `operations` with all its actions."""
    parser = commands.add_parser("operations", help="what operators do, such as reprocess")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    requests = {
        "cancel": ("end a request that is RECEIVED", _cancel),
        "reprocess": ("send a FAILED request on its way again", _reprocess),
        "publish-again": ("queue a request's event that was set aside", _publish_again),
    }
    for name, (help_text, action) in requests.items():
        command = _add(actions, name, help_text, action)
        command.add_argument("request_id", type=UUID, metavar="REQUEST_ID")
        _add_version(command, "request")
    command = _add(
        actions, "audit", "list what operators did, newest first", _list_actions, ordered=False
    )
    command.add_argument("--of", metavar="ID", help="only what was done to this request or batch")
    command.add_argument("--by", metavar="NAME", help="only what this person did")
    _add(actions, "held", "list the HELD batches, longest held first", _list_held, ordered=False)
    batches = {
        "adopt": ("take a batch of Thunderhead for this one", _adopt),
        "resend": ("send it again under the same reference", _resend),
        "delivered": ("end its documents as COMPLETED: somebody has seen them", _delivered),
        "abandon": ("end its documents as FAILED", _abandon),
    }
    for name, (help_text, action) in batches.items():
        command = _add(actions, name, help_text, action)
        command.add_argument("batch_id", type=UUID, metavar="BATCH_ID")
        _add_version(command, "batch")
        if name == "adopt":
            command.add_argument("--thunderhead-batch", required=True, metavar="ID")
    command = _add(actions, "poll-now", "ask Thunderhead about a SUBMITTED batch", _poll_now)
    command.add_argument("batch_id", type=UUID, metavar="BATCH_ID")
    _add_version(command, "batch")
    command = _add(
        actions,
        "reprocess-matching",
        "send all FAILED requests that match on their way again",
        _reprocess_matching,
    )
    command.add_argument("--source-system", metavar="CODE")
    command.add_argument("--document-name", metavar="CODE")
    command.add_argument("--batch", metavar="ID", help="carried by it: our id or Thunderhead's")
    command.add_argument("--failure-category", type=FailureCategory, metavar="CATEGORY")
    for bound in ("from", "to"):
        command.add_argument(f"--received-{bound}", type=_moment, metavar="TIME")
    for name, help_text, action in (
        ("pause", "submit nothing until somebody resumes", _pause),
        ("resume", "submit again what was paused", _resume),
    ):
        command = _add(actions, name, help_text, action)
        command.add_argument("--batch-config", metavar="ID", help="only this batch configuration")


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    help_text: str,
    action: _Action,
    *,
    ordered: bool = True,
) -> argparse.ArgumentParser:
    command = actions.add_parser(name, help=help_text)
    command.set_defaults(command=_run, action=action)
    if ordered:
        command.add_argument("--actor", type=_words(200), required=True, help="who orders it")
        command.add_argument("--reason", type=_words(1000), required=True, help="why")
    return command


def _add_version(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--version", type=int, metavar="N", help=f"refuse unless the {what} has this version"
    )


def _words(limit: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not 0 < len(text.strip()) <= limit:
            raise argparse.ArgumentTypeError(f"1 to {limit} characters are needed")
        return text.strip()

    return read


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time with its zone is needed: 2026-01-31T09:30:00Z")
    return moment


def _run(options: argparse.Namespace) -> int:
    """Carry an action out and print what it did; 1, and why on stderr, if it was refused."""
    from shared.composition import compose

    system = compose(load_settings(Settings))
    action: _Action = options.action
    try:
        for line in action(system, options):
            print(line)
    except ActionRefused as refusal:
        print(f"{refusal.code}: {refusal}", file=sys.stderr)
        return EXIT_REFUSED
    except RequestNotFound as missing:
        print(f"NO_SUCH_REQUEST: {missing}", file=sys.stderr)
        return EXIT_REFUSED
    except ReferenceDataUnavailable as outage:
        print(f"REFERENCE_DATA_UNAVAILABLE: {outage}", file=sys.stderr)
        return EXIT_REFUSED
    finally:
        system.close()
    return 0


def _caller(options: argparse.Namespace) -> Caller:
    return Caller(options.actor)


def _cancel(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _statuses(
        [
            system.operations.cancel(
                options.request_id, _caller(options), options.reason, version=options.version
            )
        ]
    )


def _reprocess(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _statuses(
        [
            system.operations.reprocess(
                options.request_id, _caller(options), options.reason, version=options.version
            )
        ]
    )


def _publish_again(system: System, options: argparse.Namespace) -> Sequence[str]:
    system.operations.publish_again(options.request_id, _caller(options), options.reason)
    return [f"{options.request_id} event queued"]


def _list_held(system: System, _options: argparse.Namespace) -> Sequence[str]:
    found = system.held.waiting(MOST_LISTED)
    lines = [line for held in found for line in _described(held)] or ["nothing is HELD"]
    return [*lines, "… and perhaps more"] if len(found) == MOST_LISTED else lines


def _described(held: HeldBatch) -> list[str]:
    batch = held.batch
    known_as = f" Thunderhead {batch.thunderhead_batch_id}" if batch.thunderhead_batch_id else ""
    title = f"{batch.batch_id} version {batch.version}{known_as}: {batch.hold_reason}"
    return [title, *(f"    {request.request_id}" for request in held.requests)]


def _adopt(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _statuses(
        system.held.adopt(
            options.batch_id,
            options.thunderhead_batch,
            _caller(options),
            options.reason,
            version=options.version,
        )
    )


def _resend(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _decided(system.held.resend, options)


def _delivered(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _decided(system.held.delivered, options)


def _abandon(system: System, options: argparse.Namespace) -> Sequence[str]:
    return _decided(system.held.abandon, options)


def _decided(
    decide: Callable[..., Sequence[DocumentRequest]], options: argparse.Namespace
) -> Sequence[str]:
    return _statuses(
        decide(options.batch_id, _caller(options), options.reason, version=options.version)
    )


def _poll_now(system: System, options: argparse.Namespace) -> Sequence[str]:
    system.batch_pages.poll_now(
        options.batch_id, _caller(options), options.reason, version=options.version
    )
    return [f"{options.batch_id} is due"]


def _reprocess_matching(system: System, options: argparse.Namespace) -> Iterator[str]:
    """Yield a line as each step ends: thousands may match."""
    where = RequestFilter(
        source_system=options.source_system,
        document_name=options.document_name,
        batch_ids=(options.batch,) if options.batch else (),
        failure_category=options.failure_category,
        received_from=options.received_from,
        received_to=options.received_to,
    )
    if where == RequestFilter():
        raise ActionRefused("NO_CONDITION", "Say which: everything that FAILED is too much.")
    done = refused = 0
    position: Position | None = None
    while True:
        step = system.bulk.reprocess_matching(
            where, PER_STEP, position, _caller(options), options.reason
        )
        for result in step.results:
            if result.request:
                done += 1
                yield from _statuses([result.request])
            else:
                refused += 1
                yield f"{result.request_id} {result.code}: {result.message}"
        position = step.next_position
        if position is None:
            break
    yield f"{done} reprocessed, {refused} refused"


def _list_actions(system: System, options: argparse.Namespace) -> Sequence[str]:
    where = ActionFilter(actor=options.by, target_id=options.of)
    page = system.audit.page(where, MOST_LISTED, None, Caller("command line"))
    lines = [
        f"{rfc3339(one.at)} {one.actor} {one.action} {one.target_kind} {one.target_id} "
        f"{one.outcome}" + (f": {one.reason}" if one.reason else "")
        for one in page.actions
    ] or ["nobody did anything"]
    return [*lines, "… and more"] if page.next_position else lines


def _pause(system: System, options: argparse.Namespace) -> Sequence[str]:
    system.submissions.pause(_caller(options), options.reason, options.batch_config)
    return [f"submissions {_which(options)} are paused"]


def _resume(system: System, options: argparse.Namespace) -> Sequence[str]:
    system.submissions.resume(_caller(options), options.reason, options.batch_config)
    return [f"submissions {_which(options)} go on"]


def _which(options: argparse.Namespace) -> str:
    return f"of configuration {options.batch_config}" if options.batch_config else "(all)"


def _statuses(requests: Sequence[DocumentRequest]) -> list[str]:
    return [
        f"{request.request_id} {request.status} generation {request.generation} "
        f"version {request.version}"
        for request in requests
    ]
