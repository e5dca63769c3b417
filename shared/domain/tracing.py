"""W3C trace context: the `traceparent` a request carries from POST to event."""

from __future__ import annotations

import random
import re

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED_AND_RANDOM = 0b11


def valid_traceparent(header: str | None) -> str | None:
    """Return a caller's traceparent in our version; None where the header is missing or invalid.

    W3C Trace Context, section 3.2.2: an invalid header starts a new trace.
    """
    if header and (match := _TRACEPARENT.fullmatch(header.strip())):
        version, trace_id, parent_id, flags, rest = match.groups()
        is_known = version != "ff" and (version != "00" or rest is None)
        if is_known and int(trace_id, 16) and int(parent_id, 16):
            return f"00-{trace_id}-{parent_id}-{int(flags, 16) & _SAMPLED_AND_RANDOM:02x}"
    return None


def continue_or_start(header: str | None) -> str:
    """Return a traceparent that continues the caller's trace, or starts one."""
    if known := valid_traceparent(header):
        version, trace_id, _, flags = known.split("-")
        return f"{version}-{trace_id}-{_id(64)}-{flags}"
    return f"00-{_id(128)}-{_id(64)}-01"


def _id(bits: int) -> str:
    """Return hex digits that are like no others, and not all zero (which W3C forbids).

    Unique is enough: as in OpenTelemetry, no secret, which would be a system call.
    """
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"


def trace_id_of(traceparent: str) -> str:
    """Return the 32 hex digits that name the trace."""
    return traceparent.split("-")[1]
