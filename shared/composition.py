"""The composition root: from settings to jobs. The only place that knows every part.

Each part is imported and joined when it is first asked for: a cold start pays for the use cases of
its own function. It stays free of the web framework, which the timers must not import:
`shared.asgi` and `shared.asgi_console` add that.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from shared import exporters
from shared.domain.timing import Clock, utc_now
from shared.jobs.runs import Runs
from shared.settings import Settings, load_settings
from shared.settings.events import EventsTransport
from shared.store.database import SqlStore
from shared.store.engine import create_engine
from shared.telemetry import log_through_worker

if TYPE_CHECKING:
    from shared.domain.polling import PollingBounds
    from shared.domain.retrying import Backoff
    from shared.domain.submission import Guarantees
    from shared.jobs.audit import Audit
    from shared.jobs.batch_pages import BatchPages
    from shared.jobs.bulk import BulkOperations
    from shared.jobs.console_models import AlertLimits
    from shared.jobs.held import HeldBatches
    from shared.jobs.intake import Intake
    from shared.jobs.leasing import Leases
    from shared.jobs.monitoring import MonitoringJob
    from shared.jobs.operations import Operations
    from shared.jobs.outcomes import Recorder
    from shared.jobs.overview import Overviews
    from shared.jobs.ports import Publisher, ReferenceData, Thunderhead
    from shared.jobs.processing import ProcessingJob
    from shared.jobs.publishing import Publishing
    from shared.jobs.queries import Queries
    from shared.jobs.request_pages import RequestPages
    from shared.jobs.retention import Retention
    from shared.jobs.submissions import Submissions


class Clients:
    """The other side of every outbound call; each connects at its first use."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def reference_data(self) -> ReferenceData:
        """What is known of codes and configurations."""
        from shared.clients.reference_data import ReferenceDataClient

        return ReferenceDataClient(self._settings, self._clock)

    @cached_property
    def thunderhead(self) -> Thunderhead:
        """What generates documents."""
        from shared.clients.thunderhead import ThunderheadClient

        return ThunderheadClient(self._settings, self._clock)

    @cached_property
    def publisher(self) -> Publisher:
        """Where events go, by the library of the chosen transport alone."""
        from shared.clients.traced_publisher import TracedPublisher

        if self._settings.events_transport is EventsTransport.KAFKA:
            from shared.clients.kafka import KafkaPublisher

            return TracedPublisher(KafkaPublisher(self._settings), "kafka")
        from shared.clients.amqp import AmqpPublisher

        return TracedPublisher(AmqpPublisher(self._settings), "eventhubs")

    def close(self) -> None:
        """Flush events."""
        if "publisher" in vars(self):
            self.publisher.close()


class System:
    """The use cases, ready to be called; one per process. Nothing is opened before that."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.clients = Clients(settings, clock)
        self.store = open_store(settings.database_url.get_secret_value())
        self.runs = Runs(self.store, clock, uuid4, settings.run_budget_seconds)

    def close(self) -> None:
        """Flush events and close connections."""
        self.clients.close()
        self.store.close()

    # --- the jobs -------------------------------------------------------------------------

    @cached_property
    def processing(self) -> ProcessingJob:
        """Submits what has been received."""
        from shared.jobs.assembling import Assembler
        from shared.jobs.enriching import Enricher
        from shared.jobs.processing import ProcessingJob

        settings = self.settings
        return ProcessingJob(
            store=self.store,
            thunderhead=self.clients.thunderhead,
            enricher=Enricher(self.clients.reference_data, settings.topic_for, self.clock),
            assembler=Assembler(
                store=self.store,
                leases=self._leases,
                max_documents=settings.max_documents_per_batch,
                project_id=settings.thunderhead_project_id,
                data_type=settings.thunderhead_transaction_data_type,
            ),
            recorder=self._recorder,
            leases=self._leases,
            runs=self.runs,
            backoff=self._backoff,
            guarantees=self._guarantees,
            polling=self._polling,
            concurrency=settings.http_concurrency,
        )

    @cached_property
    def monitoring(self) -> MonitoringJob:
        """Records outcomes, publishes events, removes what is old."""
        from shared.jobs.census import Census
        from shared.jobs.monitoring import MonitoringJob
        from shared.jobs.polling import Deadlines, Poller
        from shared.jobs.statistics import StatisticsUpdate

        settings = self.settings
        statistics_every = timedelta(seconds=settings.statistics_seconds)
        return MonitoringJob(
            store=self.store,
            poller=Poller(
                self.clients.thunderhead,
                self._leases,
                Deadlines(
                    batch=timedelta(seconds=settings.batch_deadline_seconds),
                    pending_grace=timedelta(seconds=settings.pending_grace_seconds),
                    visibility=timedelta(seconds=settings.thunderhead_visibility_seconds),
                    lookup_supported=settings.thunderhead_lookup_supported,
                ),
            ),
            publishing=self._publishing,
            retention=self._retention,
            statistics=StatisticsUpdate(self.store, self.runs, self.clock, statistics_every),
            census=Census(self.store, self.clock),
            recorder=self._recorder,
            leases=self._leases,
            runs=self.runs,
            backoff=self._backoff,
            polling=self._polling,
            concurrency=settings.http_concurrency,
        )

    @property
    def _publishing(self) -> Publishing:
        from shared.jobs.publishing import Publishing

        settings = self.settings
        # An event whose lease ended while the broker thinks would be published twice. A flush
        # takes up to two seconds more than the broker's time-out, and waits for the one before it.
        seconds = max(settings.lease_seconds, 3 * (settings.events_timeout_seconds + 2))
        leases = self._leases_for(seconds, settings.events_timeout_seconds)
        return Publishing(self.store, self.clients.publisher, leases, self.runs, self._backoff)

    @property
    def _retention(self) -> Retention:
        from shared.jobs.retention import Retention, RetentionPeriods

        by_source_system = self.settings.content_retention_days_by_source_system
        periods = RetentionPeriods(
            timedelta(days=self.settings.content_retention_days),
            {system: timedelta(days=days) for system, days in by_source_system.items()},
        )
        return Retention(self.store, periods, self.runs, self.clock)

    @cached_property
    def _leases(self) -> Leases:
        return self._leases_for(self.settings.lease_seconds, self.settings.http_timeout_seconds)

    def _leases_for(self, seconds: float, call_seconds: float) -> Leases:
        from shared.jobs.leasing import Leases

        return Leases(self.store, self.clock, uuid4, seconds, call_seconds)

    @cached_property
    def _recorder(self) -> Recorder:
        from shared.jobs.outcomes import Recorder

        return Recorder(self.settings.environment, self.settings.events_topic)

    @property
    def _backoff(self) -> Backoff:
        from shared.domain.retrying import Backoff

        return Backoff(self.settings.retry_base_seconds, self.settings.retry_max_seconds)

    @property
    def _guarantees(self) -> Guarantees:
        from shared.domain.submission import Guarantees

        settings = self.settings
        return Guarantees(
            lookup_supported=settings.thunderhead_lookup_supported,
            reference_unique=settings.thunderhead_reference_unique,
            visibility=timedelta(seconds=settings.thunderhead_visibility_seconds),
            max_attempts=settings.max_attempts,
        )

    @property
    def _polling(self) -> PollingBounds:
        from shared.domain.polling import PollingBounds

        return PollingBounds(self.settings.poll_min_seconds, self.settings.poll_max_seconds)

    # --- what the API and the console ask for -------------------------------------------------

    @cached_property
    def intake(self) -> Intake:
        """Accepts requests."""
        from shared.jobs.intake import Intake

        return Intake(self.store, self.clients.reference_data, self.clock, uuid4)

    @cached_property
    def queries(self) -> Queries:
        """Reads requests for callers."""
        from shared.jobs.queries import Queries

        return Queries(self.store)

    @cached_property
    def operations(self) -> Operations:
        """Cancels, retries, reprocesses requests."""
        from shared.jobs.earlier_documents import EarlierDocuments
        from shared.jobs.operations import Operations

        pending_grace = timedelta(seconds=self.settings.pending_grace_seconds)
        return Operations(
            self.store,
            self.clients.reference_data,
            EarlierDocuments(
                self.store, self.clients.thunderhead, self.clock, self._guarantees, pending_grace
            ),
            self._recorder,
            self.settings.topic_for,
            self.clock,
        )

    @cached_property
    def bulk(self) -> BulkOperations:
        """Does operations on many requests."""
        from shared.jobs.bulk import BulkOperations

        return BulkOperations(self.operations, self.queries, self.clock)

    @cached_property
    def held(self) -> HeldBatches:
        """Releases, cancels and confirms held batches."""
        from shared.jobs.held import HeldBatches

        return HeldBatches(self.store, self.clients.thunderhead, self._recorder, self.clock)

    @cached_property
    def submissions(self) -> Submissions:
        """Pauses and resumes."""
        from shared.jobs.submissions import Submissions

        return Submissions(self.store, self.clock)

    @cached_property
    def overviews(self) -> Overviews:
        """Shows how things stand."""
        from shared.jobs.overview import Overviews

        return Overviews(self.store, _alert_limits(self.settings), self.clock)

    @cached_property
    def request_pages(self) -> RequestPages:
        """Shows a request whole."""
        from shared.jobs.request_pages import RequestPages

        return RequestPages(self.store, self.settings.thunderhead_transaction_data_type, self.clock)

    @cached_property
    def batch_pages(self) -> BatchPages:
        """Shows batches."""
        from shared.jobs.batch_pages import BatchPages

        return BatchPages(self.store, self.clock)

    @cached_property
    def audit(self) -> Audit:
        """Shows what operators did."""
        from shared.jobs.audit import Audit

        return Audit(self.store)


def open_store(database_url: str) -> SqlStore:
    """Return the store of a database; connects at its first use."""
    return SqlStore(create_engine(database_url))


def compose(settings: Settings, clock: Clock = utc_now) -> System:
    """Join all parts. Nothing is called and nothing is opened yet."""
    return System(settings, clock)


def compose_function() -> System:
    """Read the settings and join all parts, in the Functions worker. Raises SettingsError."""
    settings = load_settings(Settings)
    log_through_worker(settings.environment)
    exporters.start_in_worker(settings.telemetry, settings.environment)
    return compose(settings)


def _alert_limits(settings: Settings) -> AlertLimits:
    from shared.domain.statuses import RequestStatus
    from shared.jobs.console_models import AlertLimits

    waiting = timedelta(seconds=settings.alert_waiting_seconds)
    return AlertLimits(
        waiting={
            RequestStatus.RECEIVED: waiting,
            RequestStatus.PROCESSING: waiting,
            RequestStatus.SUBMITTED: timedelta(seconds=settings.batch_deadline_seconds),
            RequestStatus.HELD: timedelta(seconds=settings.alert_held_seconds),
        },
        unpublished=timedelta(seconds=settings.alert_unpublished_seconds),
        job_silence=timedelta(seconds=settings.alert_job_seconds),
    )
