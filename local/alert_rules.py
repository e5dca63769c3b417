"""The alerts of observability/: each has its page in docs/runbooks."""

from __future__ import annotations

from dataclasses import dataclass

LOGS = "logs-oms.log-*"


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert: it fires when its query returns a row."""

    page: str
    """Its page in docs/runbooks, and its id."""
    says: str
    minutes: int
    """What its query looks back on."""
    query: str


RULES = (
    Rule(
        "not-submitted-in-time",
        "Requests have waited for their submission for more than 15 minutes",
        15,
        "STATS oldest = MIN(GREATEST(oms.oldestSeconds.RECEIVED, oms.oldestSeconds.PROCESSING)) "
        "| WHERE oldest > 900",
    ),
    Rule(
        "no-outcome-in-time",
        "Submitted requests have had no outcome for more than 4 hours",
        15,
        "STATS oldest = MIN(oms.oldestSeconds.SUBMITTED) | WHERE oldest > 14400",
    ),
    Rule(
        "held",
        "Requests are HELD: a person has to decide",
        15,
        "STATS held = MIN(oms.requests.HELD) | WHERE held > 0",
    ),
    Rule(
        "failure-rate",
        "More than 5 percent of the documents of the last hour FAILED",
        60,
        "STATS failed = SUM(oms.failed), completed = SUM(oms.completed) "
        "| WHERE failed + completed >= 20 AND failed * 20 > failed + completed",
    ),
    Rule(
        "outbox-growing",
        "Events have waited for the broker for more than 10 minutes",
        15,
        "STATS oldest = MIN(oms.outboxOldestSeconds.PENDING) | WHERE oldest > 600",
    ),
    Rule(
        "job-not-run",
        "A job has not run for 15 minutes",
        15,
        'STATS processing = SUM(CASE(oms.job == "processing", 1, 0)), '
        'monitoring = SUM(CASE(oms.job == "monitoring", 1, 0)) '
        "| WHERE COALESCE(processing, 0) == 0 OR COALESCE(monitoring, 0) == 0",
    ),
    Rule(
        "reference-data-stale",
        "Reference data of more than an hour ago is in use",
        15,
        "STATS stale = MAX(oms.staleSeconds) | WHERE stale > 3600",
    ),
    Rule(
        "thunderhead-paused",
        "Nothing has been submitted for more than 15 minutes, because of a pause",
        15,
        "STATS paused = MIN(GREATEST(oms.pausedSeconds.thunderhead, "
        "oms.pausedSeconds.submissions)) | WHERE paused > 900",
    ),
    Rule(
        "database-near-limit",
        "The database has used more than 80 percent of its largest size",
        15,
        "STATS used = MAX(oms.databaseUtilization) | WHERE used > 0.8",
    ),
    Rule(
        "event-set-aside",
        "The broker refuses an event for good: a person has to decide",
        15,
        "STATS events = MIN(oms.outbox.SET_ASIDE) | WHERE events > 0",
    ),
)
