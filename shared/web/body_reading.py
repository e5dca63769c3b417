"""Reading a body: its declared type and its size, before anything is parsed."""

from __future__ import annotations

from email.message import Message
from functools import lru_cache

from starlette.requests import Request

from shared.web.problems import UNSUPPORTED_MEDIA_TYPE, Refusal, payload_too_large


async def read_json_body(request: Request, limit: int) -> bytes:
    """Return the bytes of a JSON body. Raises Refusal (413, 415)."""
    _require_json(request)
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the bytes of a body, at most `limit` of them. Raises Refusal (413)."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise Refusal(payload_too_large("The body", limit))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refusal(payload_too_large("The body", limit))
    return bytes(body)


def _require_json(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity" or not _is_json(request.headers.get("content-type", "")):
        raise Refusal(UNSUPPORTED_MEDIA_TYPE)


@lru_cache(64)
def _is_json(content_type: str) -> bool:
    declared = Message()
    declared["content-type"] = content_type
    return (
        declared.get_content_type() == "application/json"
        and declared.get_content_charset("utf-8") == "utf-8"
    )
