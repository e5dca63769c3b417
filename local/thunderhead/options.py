"""How one simulator behaves; fixed for its lifetime."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local.clock import Clock

AuthenticationKind = Literal["oauth2", "oauth1", "basic", "none"]

TOKEN_PATH = "/oauth2/token"
"""Where the OAuth 2 token endpoint lives, outside the base path."""

_CONFIGURATIONS = Path(__file__).parent.parent / "sample_data" / "thunderhead_configurations.json"


@dataclass(frozen=True, slots=True)
class ThunderheadOptions:
    """Everything in which tenants, gateways and days differ."""

    base_path: str = "/thunderhead/v1"
    configurations_file: Path = _CONFIGURATIONS

    authentication: AuthenticationKind = "none"
    client_id: str = "oms-local"
    client_secret: str = "oms-local-only"
    oauth1_user: str = "oms-user"
    """OAuth 1 callers sign with the consumer key `<client_id>!<oauth1_user>`."""
    token_lifetime_seconds: int = 3600

    references_unique: bool = True
    """Whether a client reference that is already known is refused with 409."""
    lookup_supported: bool = True
    lookup_refusal_status: int = 404
    """What a look-up by reference is answered where it is not supported (404 or 405)."""
    visibility_seconds: float = 0.0
    """How long an accepted batch cannot be found, neither by its id nor by its reference."""
    names_bad_documents: bool = True
    """Whether a refusal for a document's data tells which document it was."""

    generation_seconds: tuple[float, float] = (2.0, 2.0)
    """Shortest and longest time from acceptance to the end of a batch, drawn uniformly."""
    queued_share: float = 0.2
    """The part of that time in which the batch waits as QUEUED."""
    stopping_seconds: float = 0.0
    """How long a cancelled batch stays STOPPING."""
    cancellation_works: bool = True
    """Whether a cancellation stops a batch; else it is accepted, and the batch goes on."""
    submit_retry_after: str | None = None
    """The Retry-After header of an accepted submission."""

    max_documents: int = 500
    max_body_bytes: int = 10_000_000

    latency_seconds: float = 0.0
    """Added to every call, without holding up the others."""
    stall_seconds: float = 60.0
    """How long a `timeout-after` fault keeps silent before it drops the connection."""
    drip_seconds: float = 0.1
    """The pause between two bytes of a `slow-drip` fault."""
    late_seconds: float = 30.0
    """How long a batch whose submission a `late` fault hit cannot be found."""

    seed: int = 1
    """Makes generation times and the probability of faults repeatable."""
    clock: Clock = time.time

    @property
    def base(self) -> str:
        """The base path in the form that routes need: no slash at its end."""
        return self.base_path.rstrip("/")
