"""Enrichment of a claim: which configuration applies to each request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.domain.batching import BatchKey
from shared.domain.enrichment import NO_CONFIGURATION, Enrichment, enrich, footer_of
from shared.domain.models import DocumentRequest, Failure
from shared.domain.timing import Clock
from shared.jobs.ports import ReferenceData


@dataclass(slots=True)
class Enriched:
    """A claim after enrichment. Every request carries the topic of its event."""

    groups: dict[BatchKey, list[DocumentRequest]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[Failure, list[DocumentRequest]] = field(
        default_factory=lambda: defaultdict(list)
    )


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

        `before_call` runs before each question to reference data (it keeps the lease). Raises
        ReferenceDataUnavailable, and what `before_call` raises.
        """
        today = self.clock().date()
        known: dict[tuple[str, str], Enrichment] = {}
        result = Enriched()
        for request in requests:
            footer = footer_of(request.metadata)
            question = (request.document_name, footer)
            if question not in known:
                before_call()
                rows = self.reference_data.configurations(*question, today)
                known[question] = enrich(*question, rows, today)
            enrichment = known[question]
            routed = request.routed_to(self.topic_for(enrichment.topic))
            if enrichment.batch_config_id is None:
                result.failures[NO_CONFIGURATION].append(routed)
            else:
                key = BatchKey(enrichment.batch_config_id, enrichment.properties)
                result.groups[key].append(routed)
        return result
