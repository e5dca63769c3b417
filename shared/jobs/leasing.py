"""Leases: who owns a unit of work, and for how long still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shared.domain.models import Batch
from shared.domain.timing import Clock, after
from shared.errors import LeaseLost
from shared.jobs.storage import Store


@dataclass(frozen=True, slots=True)
class Leases:
    """Grants and renews leases of one length.

    An outbound call may take `call_seconds`. Before each, a worker asks `covering`: it must
    still own the work when the call ends, else another worker may have taken it over.
    """

    store: Store
    clock: Clock
    new_id: Callable[[], UUID]
    seconds: float
    call_seconds: float

    def until(self) -> datetime:
        """Return when a lease that begins now ends."""
        return after(self.clock(), self.seconds)

    def is_short(self, leased_until: datetime | None) -> bool:
        """Tell whether a lease may end before a call that begins now."""
        return leased_until is None or leased_until < after(self.clock(), self.call_seconds)

    def covering(self, batch: Batch) -> Batch:
        """Return the batch with a lease that covers a call; renews it only if it is short.

        Raises LeaseLost if another worker owns the batch.
        """
        if not self.is_short(batch.leased_until):
            return batch
        until = self.until()
        if not self.store.write(lambda tx: tx.batches.renew(batch, until)):
            raise LeaseLost(str(batch.batch_id))
        return replace(batch, leased_until=until)
