"""Batches that Thunderhead has accepted: SUBMITTED with their requests, many in few statements."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shared.domain.models import AcceptedBatch, DocumentRequest
from shared.domain.statuses import BatchState, RequestStatus
from shared.jobs.assembling import Parcel
from shared.jobs.outcomes import Recorder
from shared.jobs.runs import PROCESSING
from shared.jobs.storage import Transaction


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A parcel that Thunderhead has."""

    parcel: Parcel
    accepted: AcceptedBatch

    @property
    def batch_id(self) -> UUID:
        """The batch that is in the parcel."""
        return self.parcel.batch.batch_id

    @property
    def status_before(self) -> RequestStatus:
        """What its requests are until now."""
        is_held = self.parcel.batch.state is BatchState.HELD
        return RequestStatus.HELD if is_held else RequestStatus.PROCESSING

    def submitted(self, now: datetime) -> list[DocumentRequest]:
        """Return its requests as they are from now on."""
        return [
            replace(
                request,
                status=RequestStatus.SUBMITTED,
                submitted_at=now,
                batch_id=self.batch_id,
            )
            for request in self.parcel.requests
        ]


def record_acceptances(
    tx: Transaction,
    recorder: Recorder,
    acceptances: Sequence[Acceptance],
    now: datetime,
    run_id: UUID,
) -> Set[UUID]:
    """Write acceptances with the history of the requests; returns the batches that were ours."""
    ours = tx.batches.record_submitted([one.accepted for one in acceptances], now)
    for before in (RequestStatus.PROCESSING, RequestStatus.HELD):
        some = [one for one in acceptances if one.batch_id in ours and one.status_before is before]
        moved = tx.batched.note_submitted([one.parcel.batch for one in some], before, now)
        requests = [
            request for one in some for request in one.submitted(now) if request.request_id in moved
        ]
        recorder.record(tx, requests, before, now, actor=PROCESSING, run_id=run_id)
    return ours
