"""Pauses: what a run must not call, because an earlier answer asked for patience.

They are stored, so that the next run (on another machine, perhaps) keeps them too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from shared.domain.models import Pause
from shared.domain.retrying import Backoff
from shared.domain.timing import Clock, after
from shared.jobs.storage import Store

THUNDERHEAD = "thunderhead"
SUBMISSIONS = "submissions"
REFERENCE_DATA = "reference-data"
EVENTS = "events"

REFRESH_SECONDS = 5.0
"""How soon a run under way notices what people or other runs have paused."""

BREAKS_AFTER = 5
"""Failures in a row, with no success between, that open the circuit."""


def submissions_of(batch_config_id: str | None) -> str:
    """Return the name of the pause of a batch configuration, or (None) of all submissions."""
    return f"{SUBMISSIONS}:{batch_config_id}" if batch_config_id else SUBMISSIONS


class Pauses:
    """The pauses as one run sees them: read once, extended as answers come in."""

    def __init__(self, store: Store, backoff: Backoff, clock: Clock, actor: str) -> None:
        self._store = store
        self._backoff = backoff
        self._clock = clock
        self._actor = actor
        self._known: dict[str, Pause] = {}
        self._failures_in_a_row: Counter[str] = Counter()
        self._kept: set[str] = set()
        self._loaded_at = clock()

    def load(self) -> Mapping[str, Pause]:
        """Read the stored pauses; one statement."""
        self._known = dict(self._store.read(lambda tx: tx.pauses.all()))
        self._loaded_at = self._clock()
        return self._known

    def refresh(self) -> None:
        """Read the stored pauses again if they are old."""
        if self._clock() >= after(self._loaded_at, REFRESH_SECONDS):
            self.load()

    def in_force(self, *names: str) -> bool:
        """Tell whether any of these is paused now."""
        if not self._kept.isdisjoint(names):
            return True
        now = self._clock()
        found = (self._known.get(name) for name in names)
        return any(pause and (pause.until is None or pause.until > now) for pause in found)

    def begin(self, name: str, reason: str, retry_after: float | None = None) -> datetime | None:
        """Pause something: for its backoff, at least as long as the other side asked for.

        Answers to calls that were under way together are one failure; none of them ends a
        pause sooner. Returns when the pause ends, None for one that a person has to end.
        """
        now = self._clock()
        before = self._known.get(name)
        is_paused = self.in_force(name)
        if before and before.until is None:
            return None
        failures = before.failures + (not is_paused) if before else 1
        until = after(now, self._backoff.seconds(failures, retry_after))
        if before and before.until and is_paused and before.until >= until:
            return before.until
        since = before.since if before else now
        pause = Pause(name, since, until, failures, reason, self._actor)
        self._known[name] = pause
        self._store.write(lambda tx: tx.pauses.extend(pause))
        return until

    def keep_for_this_run(self, name: str) -> None:
        """Let a pause last for the rest of this run, however short it is."""
        self._kept.add(name)

    def note_failure(self, name: str, reason: str, retry_after: float | None = None) -> None:
        """Count a call without a usable answer; enough in a row, or a Retry-After, pause."""
        self._failures_in_a_row[name] += 1
        if retry_after is not None or self._failures_in_a_row[name] >= BREAKS_AFTER:
            self.begin(name, reason, retry_after)

    def end(self, name: str) -> None:
        """Close the circuit after a good answer; costs nothing where it was closed.

        A pause that is still in force stays: the answer belongs to a call that was under way
        when somebody was asked to wait.
        """
        del self._failures_in_a_row[name]
        if name in self._known and not self.in_force(name):
            del self._known[name]
            now = self._clock()
            self._store.write(lambda tx: tx.pauses.clear_ended(name, now))
