"""Carries out faults: the answers that never come, come broken, or come where nothing happened."""

import asyncio
import json
import socket
import struct

from aiohttp import web

from local.problems import Handler, Refusal, phrase, problem
from local.thunderhead.faults import BEFORE_PROCESSING, Fault
from local.thunderhead.options import ThunderheadOptions

_UNKNOWN_STATUS = "REINDEXING"
_HTML = b"<html><body><h1>Please stand by</h1><p>The gateway is being serviced.</p></body></html>"
# Linger switched on with no time left: closing discards what was not sent and answers RST.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Misdelivery:
    """Knows how each kind of fault reaches the caller."""

    def __init__(self, options: ThunderheadOptions) -> None:
        self._options = options
        self._stopping = asyncio.Event()

    async def on_startup(self, _app: web.Application) -> None:
        """Make the server ready for stalled calls; events belong to one event loop."""
        self._stopping = asyncio.Event()

    async def on_shutdown(self, _app: web.Application) -> None:
        """Release the calls that are being stalled, so that the server can end."""
        self._stopping.set()

    async def deliver(
        self, fault: Fault, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer a call that a fault hits."""
        # The body is always taken first: a reset in the midst of sending would look different
        # to the caller each time.
        await request.read()
        if fault.kind in BEFORE_PROCESSING:
            return self._instead_of_processing(fault, request)
        response = await handler(request)
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        return await self._after_processing(fault, request, response, response.body)

    def _instead_of_processing(self, fault: Fault, request: web.Request) -> web.Response:
        match fault.kind:
            case "exceptions":
                exception = {"exceptionCode": "TMH-1001", "message": "The service is overloaded"}
                return web.json_response({"exceptions": [exception]})
            case "reset-before":
                return _reset(request)
            case _:
                return _refuse(fault, request)

    async def _after_processing(
        self, fault: Fault, request: web.Request, response: web.Response, body: bytes
    ) -> web.StreamResponse:
        match fault.kind:
            case "status-after":
                return _refuse(fault, request)
            case "reset-after":
                return _reset(request)
            case "timeout-after":
                await self._pause(self._options.stall_seconds)
                return _reset(request)
            case "broken-off":
                return await _break_off(request, response, body)
            case "slow-drip":
                return await self._drip(request, response, body)
            case _:
                return _with_other_body(fault, response, body)

    async def _drip(
        self, request: web.Request, response: web.Response, body: bytes
    ) -> web.StreamResponse:
        stream = _stream_like(response, body)
        await stream.prepare(request)
        for position in range(len(body)):
            try:
                await stream.write(body[position : position + 1])
            except ConnectionError:
                # The caller's patience has ended, which is what this fault is for.
                return stream
            if await self._pause(self._options.drip_seconds):
                return _reset(request)
        await stream.write_eof()
        return stream

    async def _pause(self, seconds: float) -> bool:
        """Let time pass; true where the server is being stopped meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False


def _refuse(fault: Fault, request: web.Request) -> web.Response:
    code = phrase(fault.status).upper().replace(" ", "_")
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else None
    return problem(request, Refusal(fault.status, code, "Injected by a fault.", headers=headers))


def _reset(request: web.Request) -> web.Response:
    """Reset the TCP connection; the response is for the framework, nobody receives it."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response(status=500)


async def _break_off(
    request: web.Request, response: web.Response, body: bytes
) -> web.StreamResponse:
    """Announce the whole body, send half of it and close the connection."""
    stream = _stream_like(response, body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return stream


def _stream_like(response: web.Response, body: bytes) -> web.StreamResponse:
    stream = web.StreamResponse(status=response.status)
    stream.content_type = response.content_type
    stream.content_length = len(body)
    return stream


def _with_other_body(fault: Fault, response: web.Response, body: bytes) -> web.Response:
    match fault.kind:
        case "truncated":
            response.body = body[: len(body) // 2]
        case "while1":
            response.body = b"while(1);" + body
        case "unknown-status":
            response.body = _with_unknown_status(body)
        case "garbage":
            response.body = _HTML
            response.content_type = "text/html"
    return response


def _with_unknown_status(body: bytes) -> bytes:
    resource = json.loads(body)
    if "batchId" not in resource:
        return body
    resource.update(status=_UNKNOWN_STATUS, statusText="Rebuilding the index", finishTime=None)
    return json.dumps(resource).encode()
