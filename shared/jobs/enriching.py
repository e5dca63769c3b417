"""Enrichment of a claim: which configuration applies to each request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.domain.batching import BatchKey
from shared.domain.enrichment import Enrichment, enrich, footer_of
from shared.domain.models import DocumentRequest, Failure
from shared.domain.timing import Clock
from shared.errors import ReferenceDataInvalid, ReferenceDataUnavailable
from shared.jobs.ports import ReferenceData


@dataclass(slots=True)
class Enriched:
    """A claim after enrichment."""

    groups: dict[BatchKey, list[DocumentRequest]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[Failure, list[DocumentRequest]] = field(
        default_factory=lambda: defaultdict(list)
    )
    unanswered: list[DocumentRequest] = field(default_factory=list)
    """Reference data gave no usable answer for these; they wait, the others go on."""
    topics: dict[UUID, str] = field(default_factory=dict)
    """Where the events of the others will go, by request id."""
    outage: ReferenceDataUnavailable | None = None
    """Reference data as a whole is out, not just the answer for one configuration."""

    def by_topic(self, request_ids: Iterable[UUID]) -> Iterable[tuple[str, list[UUID]]]:
        """Group requests by the topic of their events."""
        groups: defaultdict[str, list[UUID]] = defaultdict(list)
        for request_id in request_ids:
            groups[self.topics[request_id]].append(request_id)
        return groups.items()


@dataclass(frozen=True, slots=True)
class Enricher:
    """Asks reference data for the configuration of requests."""

    reference_data: ReferenceData
    topic_for: Callable[[str | None], str]
    clock: Clock

    def enrich(
        self, requests: Sequence[DocumentRequest], before_call: Callable[[], None]
    ) -> Enriched:
        """Group requests by configuration; those without one fail, each alone.

        `before_call` runs before each question to reference data (it keeps the lease), and
        what it raises ends the enrichment.
        """
        today = self.clock().date()
        known: dict[tuple[str, str], Enrichment | None] = {}
        result = Enriched()
        for request in requests:
            question = (request.document_name, footer_of(request.metadata))
            if question not in known:
                before_call()
                known[question] = self._answer(question, today, result)
            enrichment = known[question]
            if enrichment is None:
                result.unanswered.append(request)
                continue
            result.topics[request.request_id] = self.topic_for(enrichment.topic)
            if enrichment.failure:
                result.failures[enrichment.failure].append(request)
            else:
                key = BatchKey(enrichment.batch_config_id, enrichment.properties)
                result.groups[key].append(request)
        return result

    def _answer(
        self, question: tuple[str, str], today: date, result: Enriched
    ) -> Enrichment | None:
        try:
            rows = self.reference_data.configurations(*question, today)
        except ReferenceDataInvalid:
            return None
        except ReferenceDataUnavailable as error:
            result.outage = error
            return None
        return enrich(*question, rows, today)
