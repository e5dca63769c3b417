"""SQL of generation_times: how long batches of a configuration take."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from shared.domain.polling import GenerationTime
from shared.store.tables import generation_times

_WEIGHT = 0.2
"""Of the newest batch against all before it: some five batches make a change of pace known."""
_SHORTEST_SECONDS = 0.001

g = generation_times.c


class GenerationTimesTable:
    """Port `GenerationTimes` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, GenerationTime]:
        """Return what is known, by batch configuration."""
        return {
            row.batch_config_id: GenerationTime(row.log_mean, row.log_variance, row.samples)
            for row in self._connection.execute(select(generation_times))
        }

    def note(self, batch_config_id: str, seconds: float) -> None:
        """Add the time that a batch took: exponentially weighted mean and variance."""
        value = math.log(max(seconds, _SHORTEST_SECONDS))
        difference = value - g.log_mean
        change = (
            update(generation_times)
            .where(g.batch_config_id == batch_config_id)
            .values(
                log_mean=g.log_mean + _WEIGHT * difference,
                log_variance=(1 - _WEIGHT) * (g.log_variance + _WEIGHT * difference * difference),
                samples=g.samples + 1,
            )
        )
        if self._connection.execute(change).rowcount:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(generation_times).values(
                        batch_config_id=batch_config_id, log_mean=value, log_variance=0.0, samples=1
                    )
                )
        except IntegrityError:  # somebody else's batch was the first of the configuration
            self._connection.execute(change)
