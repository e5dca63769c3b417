"""What the console is given by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.timing import Clock
from shared.jobs.audit import Audit
from shared.jobs.batch_pages import BatchPages
from shared.jobs.bulk import BulkOperations
from shared.jobs.held import HeldBatches
from shared.jobs.operations import Operations
from shared.jobs.overview import Overviews
from shared.jobs.queries import Queries
from shared.jobs.request_pages import RequestPages
from shared.jobs.submissions import Submissions
from shared.web.console.forgery import Tokens
from shared.web.console.people import Identify


@dataclass(frozen=True, slots=True)
class Console:
    """The use cases behind the console, and how its people are known."""

    environment: str
    identify: Identify
    tokens: Tokens
    clock: Clock
    overviews: Overviews
    queries: Queries
    request_pages: RequestPages
    batch_pages: BatchPages
    operations: Operations
    held: HeldBatches
    submissions: Submissions
    bulk: BulkOperations
    audit: Audit
    trace_url: str | None = None
    """Link to a trace, with `{traceId}` in it."""
