"""W3C trace context: the `traceparent` a request carries from POST to event."""

from __future__ import annotations

import re
import secrets

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def continue_or_start(header: str | None) -> str:
    """Return a traceparent that continues the caller's trace, or starts one.

    An invalid header (W3C Trace Context, section 3.2.2) starts a new trace.
    """
    if header and (match := _TRACEPARENT.fullmatch(header.strip())):
        version, trace_id, parent_id, flags, rest = match.groups()
        is_known = version != "ff" and (version != "00" or rest is None)
        if is_known and int(trace_id, 16) and int(parent_id, 16):
            sampled_and_random = int(flags, 16) & 0b11
            return f"00-{trace_id}-{secrets.token_hex(8)}-{sampled_and_random:02x}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id_of(traceparent: str) -> str:
    """Return the 32 hex digits that name the trace."""
    return traceparent.split("-")[1]
