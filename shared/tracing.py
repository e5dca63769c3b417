"""Spans, on the API of OpenTelemetry: without an SDK (`shared.exporters`) they are no-ops.

An attribute holds an id, a status or the name of an operation: nothing that a caller, Thunderhead
or an exception may have worded. Who makes a span of SQL, HTTP or messaging names it after the
semantic conventions, where it makes it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from shared.domain.models import DocumentRequest
from shared.domain.statuses import RequestStatus

Attributes = Mapping[str, str | int]

_tracer = trace.get_tracer("oms")


class _Work(AbstractContextManager[Span]):
    """A span that is current while its work is done; an exception is told by its kind alone."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            mark_failed(self._span, kind.__qualname__)
        context.detach(self._token)
        self._span.end()


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    attributes: Attributes | None = None,
    parent: str | None = None,
) -> AbstractContextManager[Span]:
    """Return a span around some work.

    See `start` for its parent.
    """
    return _Work(start(name, kind, attributes, parent))


def start(
    name: str,
    kind: SpanKind,
    attributes: Attributes | None = None,
    parent: str | None = None,
) -> Span:
    """Start a span that its caller ends, a child of the current one.

    With `parent`, a traceparent, it is a child of that and links to the current one: unless the
    current one belongs to the same trace, and so is nearer.
    """
    if not parent or _is_within(parent):
        return _tracer.start_span(name, None, kind, attributes)
    links = _links(trace.get_current_span())
    return _tracer.start_span(name, _context(parent), kind, attributes, links)


@contextmanager
def of_requests(name: str, requests: Sequence[DocumentRequest], batch_id: UUID) -> Iterator[None]:
    """Put work that several requests share into the trace of each.

    What is called meanwhile is in the trace of the first. The spans of the others link to its,
    and all of them to the run that does the work.
    """
    run = _links(trace.get_current_span())
    first, *others = requests
    with _Work(_of_request(name, first, run, batch_id)) as shared:
        links = [*run, *_links(shared)]
        spans = (
            [_of_request(name, request, links, batch_id) for request in others]
            if traceparent_of(shared, first.traceparent)
            else []
        )
        try:
            yield
        finally:
            for one in spans:
                one.end()


def note_transitions(
    requests: Sequence[DocumentRequest], before: RequestStatus, began_ns: int
) -> None:
    """Put a change of status, from `began_ns` until now, into the trace of each request."""
    links = _links(trace.get_current_span())
    for request in requests:
        name = f"{before.value} to {request.status.value}"
        one = _of_request(name, request, links, request.batch_id, began_ns)
        if traceparent_of(one, request.traceparent) is None:
            return  # no SDK: the others would be nothing either
        if one.is_recording():
            one.set_attribute("oms.request.generation", request.generation)
            if request.failure:
                one.set_attribute("oms.failure.category", request.failure.category.value)
        one.end()


def link_to(traceparents: Iterator[str]) -> None:
    """Link the current span, which works for several, to other traces (the SDK keeps 128 links)."""
    current = trace.get_current_span()
    if current.is_recording():
        for traceparent in traceparents:
            current.add_link(_span_context(traceparent))


def is_recording() -> bool:
    """Tell whether the current span is recorded: if not, what belongs to it need not be."""
    return trace.get_current_span().is_recording()


def current_traceparent() -> str | None:
    """Return the traceparent of the current span, None where there is none."""
    return _traceparent(trace.get_current_span().get_span_context())


def traceparent_of(span: Span, parent: str | None) -> str | None:
    """Return what names a span to others; None for one that is none, for want of an SDK."""
    own = _traceparent(span.get_span_context())
    # What is no span repeats the id of its parent.
    is_a_span = own and not (parent and own.split("-")[2] == parent.split("-")[2])
    return own if is_a_span else None


def mark_failed(span: Span, kind: str) -> None:
    """Note that the work of a span failed; `kind` is a class, a status or a code."""
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def now_ns() -> int:
    """Return the time as spans count it."""
    return time.time_ns()


def _of_request(
    name: str,
    request: DocumentRequest,
    links: Sequence[Link],
    batch_id: UUID | None,
    began_ns: int | None = None,
) -> Span:
    one = _tracer.start_span(name, _context(request.traceparent), links=links, start_time=began_ns)
    if one.is_recording():
        one.set_attribute("oms.request.id", str(request.request_id))
        one.set_attribute("oms.source_system", request.source_system)
        if batch_id:
            one.set_attribute("oms.batch.id", str(batch_id))
    return one


def _is_within(traceparent: str) -> bool:
    own = trace.get_current_span().get_span_context()
    return own.is_valid and f"{own.trace_id:032x}" == traceparent.split("-")[1]


def _context(traceparent: str) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(_span_context(traceparent)), Context())


def _span_context(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def _links(span: Span) -> list[Link]:
    found = span.get_span_context()
    return [Link(found)] if found.is_valid else []


def _traceparent(found: SpanContext) -> str | None:
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
