"""The HTTP surface: the vendor's operations, the token endpoint and the control interface."""

import asyncio
import json
from collections import Counter
from typing import Any

from aiohttp import web

from local.clock import timestamp
from local.problems import Handler, Refusal, problem_responses
from local.thunderhead.authentication import Authenticator
from local.thunderhead.faults import OPERATIONS, Fault, FaultPlan, read_faults
from local.thunderhead.misdelivery import Misdelivery
from local.thunderhead.options import TOKEN_PATH, ThunderheadOptions
from local.thunderhead.register import BatchRegister
from local.thunderhead.submissions import read_submission

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 500
_FAULT = web.RequestKey("fault", Fault)


class Thunderhead:
    """One simulated platform: state, and a handler for each operation."""

    def __init__(self, options: ThunderheadOptions) -> None:
        self.options = options
        self.register = BatchRegister(options)
        self.faults = FaultPlan(options.seed)
        self.authenticator = Authenticator(options)
        self.misdelivery = Misdelivery(options)
        self.requests: Counter[str] = Counter(
            dict.fromkeys((*OPERATIONS, "withoutCorrelationId", "withoutTraceparent"), 0)
        )

    @web.middleware
    async def receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count, delay and authenticate a call of an operation, and let a fault hit it."""
        operation = request.match_info.route.name
        if operation not in OPERATIONS:
            return await handler(request)
        self._count(operation, request)
        if self.options.latency_seconds > 0:
            await asyncio.sleep(self.options.latency_seconds)
        if operation != "token":
            self.authenticator.check(request)
        fault = self.faults.take(operation)
        if fault is None:
            return await handler(request)
        request[_FAULT] = fault
        return await self.misdelivery.deliver(fault, request, handler)

    async def submit(self, request: web.Request) -> web.Response:
        """Accept a batch."""
        if request.content_type != "application/json":
            raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "A JSON body is required.")
        submission = read_submission(await request.read(), self.options)
        fault = request.get(_FAULT)
        kind = fault.kind if fault is not None else None
        batch = self.register.submit(
            submission, stops_halfway=kind == "stopped", is_late=kind == "late"
        )
        headers = {"Location": f"{self.options.base}/batches/{batch.batch_id}"}
        if self.options.submit_retry_after is not None:
            headers["Retry-After"] = self.options.submit_retry_after
        accepted = {
            "batchId": batch.batch_id,
            "clientReference": batch.client_reference,
            "status": "QUEUED",
            "submittedAt": timestamp(batch.accepted_at),
        }
        return web.json_response(accepted, status=202, headers=headers)

    async def poll(self, request: web.Request) -> web.Response:
        """Answer the state of a batch."""
        batch = self.register.batch(request.match_info["batch_id"])
        return web.json_response(batch.resource(self.options.clock()))

    async def lookup(self, request: web.Request) -> web.Response:
        """Find the batch of a client reference."""
        if not self.options.lookup_supported:
            raise Refusal(
                self.options.lookup_refusal_status,
                "LOOKUP_NOT_SUPPORTED",
                "This tenant cannot look up batches by their reference.",
            )
        client_reference = request.query.get("clientReference")
        if not client_reference:
            raise _invalid("clientReference", "A client reference is required.")
        batch = self.register.batch_of_reference(client_reference)
        items = [batch.resource(self.options.clock())] if batch is not None else []
        return web.json_response({"items": items})

    async def documents(self, request: web.Request) -> web.Response:
        """List the documents of a batch, page by page."""
        batch = self.register.batch(request.match_info["batch_id"])
        limit = _number(request, "limit", _DEFAULT_PAGE, 1, _LARGEST_PAGE)
        start = _number(request, "cursor", 0, 0, len(batch.documents))
        end = min(start + limit, len(batch.documents))
        now = self.options.clock()
        return web.json_response(
            {
                "items": [batch.document_resource(index, now) for index in range(start, end)],
                "nextCursor": str(end) if end < len(batch.documents) else None,
            }
        )

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop a batch that has not ended."""
        batch = self.register.batch(request.match_info["batch_id"])
        now = self.options.clock()
        if not batch.cancel(now, is_effective=self.options.cancellation_works):
            raise Refusal(409, "BATCH_TERMINAL", "The batch has already ended.")
        return web.json_response(batch.resource(now), status=202)

    async def ledger(self, _request: web.Request) -> web.Response:
        """Answer what was accepted and generated."""
        return web.json_response(self.register.ledger())

    async def request_counts(self, _request: web.Request) -> web.Response:
        """Answer how many calls of each operation arrived."""
        return web.json_response(dict(self.requests))

    async def show_faults(self, _request: web.Request) -> web.Response:
        """Answer the faults that are armed."""
        return web.json_response(self.faults.resource())

    async def add_faults(self, request: web.Request) -> web.Response:
        """Arm more faults."""
        try:
            body: Any = json.loads(await request.read())
        except ValueError as error:
            raise Refusal(400, "MALFORMED_JSON", "The body is not JSON.") from error
        self.faults.add(read_faults(body))
        return web.json_response(self.faults.resource())

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Disarm all faults."""
        self.faults.clear()
        return web.json_response(self.faults.resource())

    def _count(self, operation: str, request: web.Request) -> None:
        self.requests[operation] += 1
        if operation == "token":
            return
        self.requests["withoutCorrelationId"] += "X-Correlation-ID" not in request.headers
        self.requests["withoutTraceparent"] += "traceparent" not in request.headers


def create_app(options: ThunderheadOptions | None = None) -> web.Application:
    """Build the simulator as an application."""
    options = options or ThunderheadOptions()
    simulator = Thunderhead(options)
    app = web.Application(
        # Problem documents are written on both sides of `receive`: inside for faults, which must
        # see the answer they spoil, and outside for what `receive` refuses itself.
        middlewares=[problem_responses, simulator.receive, problem_responses],
        # Bodies over the vendor's limit are read to the end, then refused: closing while the
        # caller is still sending would reach it as a reset instead of a 413.
        client_max_size=8 * options.max_body_bytes,
    )
    app.on_startup.append(simulator.misdelivery.on_startup)
    app.on_shutdown.append(simulator.misdelivery.on_shutdown)
    router, batches = app.router, f"{options.base}/batches"
    router.add_post(TOKEN_PATH, simulator.authenticator.token, name="token")
    router.add_post(batches, simulator.submit, name="submit")
    router.add_get(batches, simulator.lookup, name="lookup")
    router.add_get(f"{batches}/{{batch_id}}", simulator.poll, name="poll")
    router.add_get(f"{batches}/{{batch_id}}/documents", simulator.documents, name="documents")
    router.add_post(f"{batches}/{{batch_id}}/cancel", simulator.cancel, name="cancel")
    router.add_get("/_simulator/ledger", simulator.ledger)
    router.add_get("/_simulator/requests", simulator.request_counts)
    router.add_get("/_simulator/faults", simulator.show_faults)
    router.add_post("/_simulator/faults", simulator.add_faults)
    router.add_delete("/_simulator/faults", simulator.clear_faults)
    return app


def _number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise _invalid(name, f"A whole number from {low} to {high} is required.")
    return int(text)


def _invalid(field: str, message: str) -> Refusal:
    return Refusal(400, "INVALID_PARAMETER", message, errors=[{"field": field, "message": message}])
