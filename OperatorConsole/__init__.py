"""HTTP trigger: the operator console."""

from __future__ import annotations

import asyncio

import azure.functions as func

from shared.asgi import console, undecodable_path
from shared.composition import compose_function

_middleware = func.AsgiMiddleware(console(compose_function()))
_startup = asyncio.Lock()
_is_started = False


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer one call."""
    await _start_once()
    try:
        return await _middleware.handle_async(req, context)
    except UnicodeDecodeError:
        answer = undecodable_path()
        return func.HttpResponse(
            bytes(answer.body), status_code=answer.status_code, headers=dict(answer.headers)
        )


async def _start_once() -> None:
    """Run the application's start-up: AsgiMiddleware does not do it by itself."""
    global _is_started  # noqa: PLW0603
    async with _startup:
        if not _is_started:
            _is_started = await _middleware.notify_startup()
