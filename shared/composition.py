"""The composition root: from settings to jobs. The only place that knows every part.

It stays free of the web framework, which the timers must not import: `shared.asgi` and
`shared.asgi_console` add that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from shared import exporters
from shared.clients.reference_data import ReferenceDataClient
from shared.clients.thunderhead import ThunderheadClient
from shared.clients.traced_publisher import TracedPublisher
from shared.domain.polling import PollingBounds
from shared.domain.retrying import Backoff
from shared.domain.statuses import RequestStatus
from shared.domain.submission import Guarantees
from shared.domain.timing import Clock, utc_now
from shared.jobs.assembling import Assembler
from shared.jobs.audit import Audit
from shared.jobs.batch_pages import BatchPages
from shared.jobs.bulk import BulkOperations
from shared.jobs.census import Census
from shared.jobs.console_models import AlertLimits
from shared.jobs.earlier_documents import EarlierDocuments
from shared.jobs.enriching import Enricher
from shared.jobs.held import HeldBatches
from shared.jobs.intake import Intake
from shared.jobs.leasing import Leases
from shared.jobs.monitoring import MonitoringJob
from shared.jobs.operations import Operations
from shared.jobs.outcomes import Recorder
from shared.jobs.overview import Overviews
from shared.jobs.polling import Deadlines, Poller
from shared.jobs.ports import Publisher, ReferenceData, Thunderhead
from shared.jobs.processing import ProcessingJob
from shared.jobs.publishing import Publishing
from shared.jobs.queries import Queries
from shared.jobs.request_pages import RequestPages
from shared.jobs.retention import Retention, RetentionPeriods
from shared.jobs.runs import Runs
from shared.jobs.statistics import StatisticsUpdate
from shared.jobs.submissions import Submissions
from shared.settings import Settings, load_settings
from shared.settings.events import EventsTransport
from shared.store.database import SqlStore
from shared.store.engine import create_engine
from shared.telemetry import log_through_worker


@dataclass(frozen=True, slots=True)
class Clients:
    """The other side of every outbound call."""

    reference_data: ReferenceData
    thunderhead: Thunderhead
    publisher: Publisher


@dataclass(frozen=True, slots=True)
class System:
    """The use cases, ready to be called; one per process."""

    store: SqlStore
    clients: Clients
    runs: Runs
    intake: Intake
    queries: Queries
    operations: Operations
    held: HeldBatches
    submissions: Submissions
    overviews: Overviews
    request_pages: RequestPages
    batch_pages: BatchPages
    bulk: BulkOperations
    audit: Audit
    processing: ProcessingJob
    monitoring: MonitoringJob
    clock: Clock
    settings: Settings

    def close(self) -> None:
        """Flush events and close connections."""
        self.clients.publisher.close()
        self.store.close()


def open_store(database_url: str) -> SqlStore:
    """Return the store of a database; connects at its first use."""
    return SqlStore(create_engine(database_url))


def compose_function() -> System:
    """Read the settings and join all parts, in the Functions worker. Raises SettingsError."""
    settings = load_settings(Settings)
    log_through_worker(settings.environment)
    exporters.start_in_worker(settings.telemetry, settings.environment)
    return compose(settings)


def default_clients(settings: Settings, clock: Clock) -> Clients:
    """Return clients of the other systems; they connect at their first use."""
    return Clients(
        ReferenceDataClient(settings, clock),
        ThunderheadClient(settings, clock),
        _publisher(settings),
    )


def _publisher(settings: Settings) -> Publisher:
    # A cold start pays for the library of its own transport alone.
    if settings.events_transport is EventsTransport.KAFKA:
        from shared.clients.kafka import KafkaPublisher  # noqa: PLC0415

        return TracedPublisher(KafkaPublisher(settings), "kafka")
    from shared.clients.amqp import AmqpPublisher  # noqa: PLC0415

    return TracedPublisher(AmqpPublisher(settings), "eventhubs")


def compose(settings: Settings, clock: Clock = utc_now, clients: Clients | None = None) -> System:
    """Join all parts. Nothing is called and nothing is opened yet."""
    clients = clients or default_clients(settings, clock)
    store = open_store(settings.database_url.get_secret_value())
    runs = Runs(store, clock, uuid4, settings.run_budget_seconds)
    recorder = Recorder(settings.environment, settings.events_topic)
    backoff = Backoff(settings.retry_base_seconds, settings.retry_max_seconds)
    leases = Leases(store, clock, uuid4, settings.lease_seconds, settings.http_timeout_seconds)
    # An event whose lease ended while the broker thinks would be published twice. A flush takes
    # up to two seconds more than the broker's time-out, and waits for the one before it.
    event_lease = max(settings.lease_seconds, 3 * (settings.events_timeout_seconds + 2))
    event_leases = Leases(store, clock, uuid4, event_lease, settings.events_timeout_seconds)
    polling = PollingBounds(settings.poll_min_seconds, settings.poll_max_seconds)
    visibility = timedelta(seconds=settings.thunderhead_visibility_seconds)
    pending_grace = timedelta(seconds=settings.pending_grace_seconds)
    guarantees = Guarantees(
        lookup_supported=settings.thunderhead_lookup_supported,
        reference_unique=settings.thunderhead_reference_unique,
        visibility=visibility,
        max_attempts=settings.max_attempts,
    )
    processing = ProcessingJob(
        store=store,
        thunderhead=clients.thunderhead,
        enricher=Enricher(clients.reference_data, settings.topic_for, clock),
        assembler=Assembler(
            store=store,
            leases=leases,
            max_documents=settings.max_documents_per_batch,
            project_id=settings.thunderhead_project_id,
            data_type=settings.thunderhead_transaction_data_type,
        ),
        recorder=recorder,
        leases=leases,
        runs=runs,
        backoff=backoff,
        guarantees=guarantees,
        polling=polling,
        concurrency=settings.http_concurrency,
    )
    monitoring = MonitoringJob(
        store=store,
        poller=Poller(
            clients.thunderhead,
            leases,
            Deadlines(
                batch=timedelta(seconds=settings.batch_deadline_seconds),
                pending_grace=pending_grace,
                visibility=visibility,
                lookup_supported=settings.thunderhead_lookup_supported,
            ),
        ),
        publishing=Publishing(store, clients.publisher, event_leases, runs, backoff),
        retention=Retention(store, _retention_periods(settings), runs, clock),
        statistics=StatisticsUpdate(
            store, runs, clock, timedelta(seconds=settings.statistics_seconds)
        ),
        census=Census(store, clock),
        recorder=recorder,
        leases=leases,
        runs=runs,
        backoff=backoff,
        polling=polling,
        concurrency=settings.http_concurrency,
    )
    queries = Queries(store)
    operations = Operations(
        store,
        clients.reference_data,
        EarlierDocuments(store, clients.thunderhead, clock, guarantees, pending_grace),
        recorder,
        settings.topic_for,
        clock,
    )
    return System(
        store=store,
        clients=clients,
        runs=runs,
        intake=Intake(store, clients.reference_data, clock, uuid4),
        queries=queries,
        operations=operations,
        held=HeldBatches(store, clients.thunderhead, recorder, clock),
        submissions=Submissions(store, clock),
        overviews=Overviews(store, _alert_limits(settings), clock),
        request_pages=RequestPages(store, settings.thunderhead_transaction_data_type, clock),
        batch_pages=BatchPages(store, clock),
        bulk=BulkOperations(operations, queries, clock),
        audit=Audit(store),
        processing=processing,
        monitoring=monitoring,
        clock=clock,
        settings=settings,
    )


def _alert_limits(settings: Settings) -> AlertLimits:
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


def _retention_periods(settings: Settings) -> RetentionPeriods:
    by_source_system = settings.content_retention_days_by_source_system
    return RetentionPeriods(
        timedelta(days=settings.content_retention_days),
        {system: timedelta(days=days) for system, days in by_source_system.items()},
    )
