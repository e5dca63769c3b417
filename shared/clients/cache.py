"""Answers kept while they are fresh, and beyond that while there is nothing better."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

from shared.clients.availability import Availability
from shared.domain.timing import Clock
from shared.errors import ReferenceDataInvalid, ReferenceDataUnavailable
from shared.measures import STALE_AGE

logger = logging.getLogger(__name__)

T = TypeVar("T")
Key = tuple[str, ...]

_INVALID_PAUSE = timedelta(seconds=5)
"""A question that was answered with nonsense is not asked again for so long."""

_TELL_EVERY_SECONDS = 300.0


class Outage(ReferenceDataUnavailable):
    """The dependency as a whole is out; `retry_after` is what it asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """An answer to a question about one day."""

    value: T
    day: date
    fetched_at: datetime
    fresh_until: datetime
    etag: str | None = None


Fetch = Callable[[Key, date, Answer[T] | None], Answer[T]]
"""Asks the dependency, given the last answer. Raises ReferenceDataInvalid or Outage."""


class _Slot(Generic[T]):
    """What is known about one question."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: Answer[T] | None = None
        self.invalid: str | None = None
        """What was wrong with the last answer, if something was."""
        self.retry_at: datetime | None = None


class AnswerCache(Generic[T]):
    """Answers by question; the least recently used ones go first when there are too many.

    One thread at a time asks a question; the others take an answer of the same day that is no
    longer fresh, or wait. An older day's answer serves only while the dependency is out: rows
    that begin today may be missing from it.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        availability: Availability,
        clock: Clock,
        *,
        max_stale_seconds: float,
        wait_seconds: float,
        size: int = 2000,
    ) -> None:
        self._fetch = fetch
        self._availability = availability
        self._clock = clock
        self._max_stale = timedelta(seconds=max_stale_seconds)
        self._wait_seconds = wait_seconds
        self._size = size
        self._told_seconds = 0.0
        self._slots: OrderedDict[Key, _Slot[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, day: date) -> T:
        """Return the answer for a day. Raises ReferenceDataUnavailable."""
        now = self._clock()
        slot = self._slot(key)
        answer = slot.answer
        of_day = answer is not None and answer.day == day
        if answer and of_day and now < answer.fresh_until:
            return answer.value
        if self._is_pointless(slot, now):
            return self._kept(slot, now)
        usable = of_day and self._is_young(answer, now)
        # Nobody waits for another thread's question who has an answer that will do.
        if slot.lock.acquire(timeout=0 if usable else self._wait_seconds):
            try:
                return self._refreshed(slot, key, day, arrived=now)
            finally:
                slot.lock.release()
        return self._kept(slot, self._clock())

    def _refreshed(self, slot: _Slot[T], key: Key, day: date, arrived: datetime) -> T:
        answer, now = slot.answer, self._clock()
        # The thread that was waited for may have asked; an answer that may not be kept will
        # still do for those who were waiting for it.
        if (
            answer
            and answer.day == day
            and (now < answer.fresh_until or arrived < answer.fetched_at)
        ):
            return answer.value
        if not self._is_pointless(slot, now) and self._availability.may_try(now):
            try:
                slot.answer = answer = self._fetch(key, day, answer)
            except ReferenceDataInvalid as error:
                now = self._clock()
                slot.invalid, slot.retry_at = str(error), now + _INVALID_PAUSE
                logger.warning("reference data is unusable", extra={"event.reason": str(error)})
                if not self._availability.state().is_up:  # nonsense does not end an outage
                    self._availability.failed(now, str(error))
            except Outage as error:
                self._availability.failed(self._clock(), str(error), error.retry_after)
            else:
                slot.invalid = slot.retry_at = None
                self._told_seconds = 0.0
                self._availability.succeeded(answer.fetched_at)
                return answer.value
        return self._kept(slot, self._clock())

    def _kept(self, slot: _Slot[T], now: datetime) -> T:
        """Return an answer that would rather be renewed, of whatever day."""
        answer = slot.answer
        if answer and self._is_young(answer, now):
            if not self._availability.state().is_up:
                self._tell_age((now - answer.fetched_at).total_seconds())
            return answer.value
        if slot.invalid:
            raise ReferenceDataInvalid(slot.invalid)
        raise ReferenceDataUnavailable(self._availability.state().reason or "no answer yet")

    def _tell_age(self, seconds: float) -> None:
        """Measure how old an answer is that is used in an outage; log it now and then."""
        STALE_AGE.record(seconds)
        if seconds >= self._told_seconds + _TELL_EVERY_SECONDS:
            self._told_seconds = seconds
            logger.warning(
                "old reference data is used", extra={"oms.staleSeconds": round(seconds, 3)}
            )

    def _is_young(self, answer: Answer[T] | None, now: datetime) -> bool:
        return answer is not None and now - answer.fetched_at <= self._max_stale

    def _is_pointless(self, slot: _Slot[T], now: datetime) -> bool:
        retry_at = slot.retry_at
        return self._availability.is_paused(now) or (retry_at is not None and now < retry_at)

    def _slot(self, key: Key) -> _Slot[T]:
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
                if len(self._slots) > self._size:
                    self._slots.popitem(last=False)
            else:
                self._slots.move_to_end(key)
            return slot
