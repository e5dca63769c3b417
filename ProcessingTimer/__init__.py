"""Timer trigger: one run of the processing job."""

from __future__ import annotations

import logging

import azure.functions as func

from shared.loading import without_garbage_collection

with without_garbage_collection():
    from shared.composition import compose_function

    _job = compose_function().processing

_logger = logging.getLogger(__name__)


def main(timer: func.TimerRequest) -> None:
    """Do one run. A run that cannot reach the database fails, and the next tick tries again."""
    if timer.past_due:
        _logger.warning("processing timer is past due")
    _job.run()
