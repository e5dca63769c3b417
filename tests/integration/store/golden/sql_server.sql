-- intake: look the pair up
SELECT document_requests.request_id
FROM document_requests
WHERE document_requests.source_system = :source_system_1 AND
    document_requests.request_correlation_id IN (:request_correlation_id_1_1);

-- intake: store a request
INSERT INTO document_requests (request_id, source_system, request_correlation_id, body_digest,
    document_type, document_name, language, priority, status, generation, version, received_at,
    updated_at, traceparent, due_at, waiting_since, failures)
VALUES (:request_id, :source_system, :request_correlation_id, :body_digest, :document_type,
    :document_name, :language, :priority, :status, :generation, :version, :received_at, :updated_at,
    :traceparent, :due_at, :waiting_since, :failures);
INSERT INTO request_contents (request_id, content)
VALUES (:request_id, :content);
INSERT INTO request_metadata (request_id, metadata_key, metadata_value)
VALUES (:request_id, :metadata_key, :metadata_value);

-- intake: its history
INSERT INTO status_history (request_id, generation, to_status, at, actor)
OUTPUT inserted.history_id
VALUES (:request_id, :generation, :to_status, :at, :actor);

-- claim requests that are RECEIVED
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.request_id, inserted.source_system, inserted.request_correlation_id,
    inserted.body_digest, inserted.document_type, inserted.document_name, inserted.language,
    inserted.priority, inserted.status, inserted.generation, inserted.version, inserted.received_at,
    inserted.updated_at, inserted.submitted_at, inserted.completed_at, inserted.generated_late_at,
    inserted.purged_at, inserted.traceparent, inserted.event_topic, inserted.batch_id,
    inserted.failures, inserted.failure_category, inserted.failure_code, inserted.failure_message
WHERE document_requests.request_id IN (SELECT TOP 100 document_requests.request_id
FROM document_requests WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE document_requests.status = 'RECEIVED' AND document_requests.due_at <= :due_at_1
ORDER BY document_requests.due_at) AND document_requests.status = 'RECEIVED';
SELECT request_metadata.request_id, request_metadata.metadata_key, request_metadata.metadata_value
FROM request_metadata
WHERE request_metadata.request_id IN (:request_id_1_1, :request_id_1_2);

-- claim requests that a dead run held
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.request_id, inserted.source_system, inserted.request_correlation_id,
    inserted.body_digest, inserted.document_type, inserted.document_name, inserted.language,
    inserted.priority, inserted.status, inserted.generation, inserted.version, inserted.received_at,
    inserted.updated_at, inserted.submitted_at, inserted.completed_at, inserted.generated_late_at,
    inserted.purged_at, inserted.traceparent, inserted.event_topic, inserted.batch_id,
    inserted.failures, inserted.failure_category, inserted.failure_code, inserted.failure_message
WHERE document_requests.request_id IN (SELECT TOP 100 document_requests.request_id
FROM document_requests WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE document_requests.status = 'PROCESSING' AND document_requests.due_at <= :due_at_1
ORDER BY document_requests.due_at) AND document_requests.status = 'PROCESSING';

-- requests of a claim: renew the lease
UPDATE document_requests
SET due_at=:due_at
WHERE document_requests.request_id IN (:request_id_1_1, :request_id_1_2) AND
    document_requests.lease_owner = :lease_owner_1 AND document_requests.status = :status_1;

-- requests of a claim: give back
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    due_at=:due_at, lease_owner=NULL, failures=(document_requests.failures + :failures_1)
OUTPUT inserted.request_id, inserted.source_system, inserted.request_correlation_id,
    inserted.body_digest, inserted.document_type, inserted.document_name, inserted.language,
    inserted.priority, inserted.status, inserted.generation, inserted.version, inserted.received_at,
    inserted.updated_at, inserted.submitted_at, inserted.completed_at, inserted.generated_late_at,
    inserted.purged_at, inserted.traceparent, inserted.event_topic, inserted.batch_id,
    inserted.failures, inserted.failure_category, inserted.failure_code, inserted.failure_message
WHERE document_requests.request_id IN (:request_id_1_1, :request_id_1_2) AND
    document_requests.lease_owner = :lease_owner_1 AND document_requests.status = :status_1;

-- requests of a claim: hand over to batches
UPDATE document_requests
SET version=(document_requests.version + :version_1), updated_at=:now, event_topic=:topic,
    batch_id=CASE document_requests.request_id WHEN :key_0 THEN :value_0 WHEN :key_1 THEN :value_1
    END, due_at=NULL, lease_owner=NULL, failures=:failures
WHERE document_requests.request_id IN (:ids_1, :ids_2) AND document_requests.lease_owner = :owner
    AND document_requests.status = :status_1;

-- requests of a claim: end
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    completed_at=:completed_at, event_topic=:event_topic, due_at=NULL, lease_owner=NULL,
    waiting_since=NULL, failure_category=:failure_category, failure_code=:failure_code,
    failure_message=:failure_message
OUTPUT inserted.request_id, inserted.source_system, inserted.request_correlation_id,
    inserted.body_digest, inserted.document_type, inserted.document_name, inserted.language,
    inserted.priority, inserted.status, inserted.generation, inserted.version, inserted.received_at,
    inserted.updated_at, inserted.submitted_at, inserted.completed_at, inserted.generated_late_at,
    inserted.purged_at, inserted.traceparent, inserted.event_topic, inserted.batch_id,
    inserted.failures, inserted.failure_category, inserted.failure_code, inserted.failure_message
WHERE document_requests.request_id IN (:request_id_1_1) AND document_requests.lease_owner =
    :lease_owner_1 AND document_requests.status = :status_1;

-- intent: store a batch
INSERT INTO batches (batch_id, state, version, batch_name, batch_config_id, transaction_data_type,
    properties, payload_digest, document_count, created_at, updated_at, due_at, lease_owner,
    in_flight, last_send_at, attempts, failures, polls)
VALUES (:batch_id, :state, :version, :batch_name, :batch_config_id, :transaction_data_type,
    :properties, :payload_digest, :document_count, :created_at, :updated_at, :due_at, :lease_owner,
    :in_flight, :last_send_at, :attempts, :failures, :polls);

-- claim intents
UPDATE batches
SET due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.batch_id, inserted.state, inserted.version, inserted.batch_name,
    inserted.batch_config_id, inserted.project_id, inserted.transaction_data_type,
    inserted.properties, inserted.payload_digest, inserted.document_count, inserted.created_at,
    inserted.updated_at, inserted.due_at, inserted.lease_owner, inserted.in_flight,
    inserted.last_send_at, inserted.unknown_since, inserted.resend_ordered_at, inserted.attempts,
    inserted.failures, inserted.thunderhead_batch_id, inserted.submitted_at, inserted.settled_at,
    inserted.vendor_status, inserted.vendor_status_text, inserted.vendor_started_at,
    inserted.vendor_finished_at, inserted.trans_count, inserted.trans_completed,
    inserted.trans_errored, inserted.trans_stopped, inserted.polls, inserted.terminal_since,
    inserted.hold_reason
WHERE batches.batch_id IN (SELECT TOP 20 batches.batch_id
FROM batches WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE batches.state = 'SUBMITTING' AND batches.due_at <= :due_at_1
ORDER BY batches.due_at) AND batches.state = 'SUBMITTING';

-- claim batches to poll
UPDATE batches
SET due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.batch_id, inserted.state, inserted.version, inserted.batch_name,
    inserted.batch_config_id, inserted.project_id, inserted.transaction_data_type,
    inserted.properties, inserted.payload_digest, inserted.document_count, inserted.created_at,
    inserted.updated_at, inserted.due_at, inserted.lease_owner, inserted.in_flight,
    inserted.last_send_at, inserted.unknown_since, inserted.resend_ordered_at, inserted.attempts,
    inserted.failures, inserted.thunderhead_batch_id, inserted.submitted_at, inserted.settled_at,
    inserted.vendor_status, inserted.vendor_status_text, inserted.vendor_started_at,
    inserted.vendor_finished_at, inserted.trans_count, inserted.trans_completed,
    inserted.trans_errored, inserted.trans_stopped, inserted.polls, inserted.terminal_since,
    inserted.hold_reason
WHERE batches.batch_id IN (SELECT TOP 20 batches.batch_id
FROM batches WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE batches.state = 'SUBMITTED' AND batches.due_at <= :due_at_1
ORDER BY batches.due_at) AND batches.state = 'SUBMITTED';

-- claim batches that are HELD
UPDATE batches
SET due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.batch_id, inserted.state, inserted.version, inserted.batch_name,
    inserted.batch_config_id, inserted.project_id, inserted.transaction_data_type,
    inserted.properties, inserted.payload_digest, inserted.document_count, inserted.created_at,
    inserted.updated_at, inserted.due_at, inserted.lease_owner, inserted.in_flight,
    inserted.last_send_at, inserted.unknown_since, inserted.resend_ordered_at, inserted.attempts,
    inserted.failures, inserted.thunderhead_batch_id, inserted.submitted_at, inserted.settled_at,
    inserted.vendor_status, inserted.vendor_status_text, inserted.vendor_started_at,
    inserted.vendor_finished_at, inserted.trans_count, inserted.trans_completed,
    inserted.trans_errored, inserted.trans_stopped, inserted.polls, inserted.terminal_since,
    inserted.hold_reason
WHERE batches.batch_id IN (SELECT TOP 20 batches.batch_id
FROM batches WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE batches.state = 'HELD' AND batches.due_at <= :due_at_1
ORDER BY batches.due_at) AND batches.state = 'HELD';

-- batch: renew the lease
UPDATE batches
SET due_at=:due_at
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batch: about to be sent again
UPDATE batches
SET due_at=:due_at, in_flight=:in_flight, last_send_at=:last_send_at, unknown_since=NULL,
    resend_ordered_at=NULL, attempts=:attempts
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batches: SUBMITTED
UPDATE batches
SET state=:state, version=(batches.version + :version_1), updated_at=:now, due_at=:first_poll_at,
    lease_owner=NULL, in_flight=:in_flight, failures=:failures, thunderhead_batch_id=CASE
    batches.batch_id WHEN :key_0 THEN :value_0 WHEN :key_1 THEN :value_1 END, submitted_at=:now,
    polls=:polls, terminal_since=NULL
OUTPUT inserted.batch_id
WHERE batches.batch_id IN (:ids_1, :ids_2) AND batches.state = :before AND batches.lease_owner =
    :owner;

-- batch: waits
UPDATE batches
SET updated_at=:updated_at, due_at=:due_at, lease_owner=NULL, in_flight=:in_flight,
    unknown_since=NULL, resend_ordered_at=NULL, failures=(batches.failures + :failures_1)
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batch: polled
UPDATE batches
SET updated_at=:updated_at, due_at=:due_at, lease_owner=NULL, failures=:failures,
    vendor_status=:vendor_status, vendor_status_text=NULL, vendor_started_at=NULL,
    vendor_finished_at=NULL, trans_count=NULL, trans_completed=NULL, trans_errored=NULL,
    trans_stopped=NULL, polls=(batches.polls + :polls_1), terminal_since=NULL
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batch: HELD
UPDATE batches
SET state=:state, version=(batches.version + :version_1), updated_at=:updated_at, due_at=NULL,
    lease_owner=NULL, unknown_since=NULL, hold_reason=:hold_reason
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batch: DISSOLVED
UPDATE batches
SET state=:state, version=(batches.version + :version_1), updated_at=:updated_at, due_at=NULL,
    lease_owner=NULL
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- batch: SETTLED
UPDATE batches
SET state=:state, version=(batches.version + :version_1), updated_at=:updated_at, due_at=NULL,
    lease_owner=NULL, settled_at=:settled_at, vendor_status=:vendor_status, vendor_status_text=NULL,
    vendor_started_at=NULL, vendor_finished_at=NULL, trans_count=NULL, trans_completed=NULL,
    trans_errored=NULL, trans_stopped=NULL, polls=(batches.polls + :polls_1)
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.lease_owner =
    :lease_owner_1;

-- requests of a batch: read
SELECT document_requests.request_id, document_requests.source_system,
    document_requests.request_correlation_id, document_requests.body_digest,
    document_requests.document_type, document_requests.document_name, document_requests.language,
    document_requests.priority, document_requests.status, document_requests.generation,
    document_requests.version, document_requests.received_at, document_requests.updated_at,
    document_requests.submitted_at, document_requests.completed_at,
    document_requests.generated_late_at, document_requests.purged_at, document_requests.traceparent,
    document_requests.event_topic, document_requests.batch_id, document_requests.failures,
    document_requests.failure_category, document_requests.failure_code,
    document_requests.failure_message
FROM document_requests
WHERE document_requests.batch_id = :batch_id_1 AND document_requests.status = :status_1;

-- requests of batches: SUBMITTED
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    submitted_at=:submitted_at, waiting_since=:waiting_since
OUTPUT inserted.request_id
WHERE document_requests.batch_id IN (:batch_id_1_1, :batch_id_1_2) AND document_requests.status =
    :status_1;

-- requests of a batch: end
UPDATE document_requests
SET status=:status, version=(document_requests.version + :version_1), updated_at=:updated_at,
    completed_at=:completed_at, waiting_since=NULL, failure_category=NULL, failure_code=NULL,
    failure_message=NULL
OUTPUT inserted.request_id, inserted.source_system, inserted.request_correlation_id,
    inserted.body_digest, inserted.document_type, inserted.document_name, inserted.language,
    inserted.priority, inserted.status, inserted.generation, inserted.version, inserted.received_at,
    inserted.updated_at, inserted.submitted_at, inserted.completed_at, inserted.generated_late_at,
    inserted.purged_at, inserted.traceparent, inserted.event_topic, inserted.batch_id,
    inserted.failures, inserted.failure_category, inserted.failure_code, inserted.failure_message
WHERE document_requests.batch_id = :batch_id_1 AND document_requests.status = :status_1 AND
    document_requests.request_id IN (:request_id_1_1, :request_id_1_2);

-- outbox: queue an event
INSERT INTO outbox (event_id, request_id, generation, state, topic, traceparent, payload,
    created_at, due_at, attempts)
VALUES (:event_id, :request_id, :generation, :state, :topic, :traceparent, :payload, :created_at,
    :due_at, :attempts);

-- claim events
UPDATE outbox
SET due_at=:due_at, lease_owner=:lease_owner
OUTPUT inserted.event_id, inserted.request_id, inserted.generation, inserted.topic,
    inserted.payload, inserted.traceparent, inserted.attempts, inserted.created_at
WHERE outbox.event_id IN (SELECT TOP 100 outbox.event_id
FROM outbox WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
WHERE outbox.state = 'PENDING' AND outbox.due_at <= :due_at_1
ORDER BY outbox.due_at) AND outbox.state = 'PENDING';

-- outbox: published
UPDATE outbox
SET state=:state, due_at=NULL, lease_owner=NULL, published_at=:published_at
WHERE outbox.event_id IN (:event_id_1_1, :event_id_1_2) AND outbox.lease_owner = :lease_owner_1 AND
    outbox.state = :state_1;

-- outbox: later
UPDATE outbox
SET due_at=:due_at, lease_owner=NULL, attempts=(outbox.attempts + :attempts_1),
    last_error=:last_error
WHERE outbox.event_id IN (:event_id_1_1) AND outbox.lease_owner = :lease_owner_1 AND outbox.state =
    :state_1;

-- outbox: set aside
UPDATE outbox
SET state=:state, due_at=NULL, lease_owner=NULL, last_error=:last_error
WHERE outbox.event_id IN (:event_id_1_1) AND outbox.lease_owner = :lease_owner_1 AND outbox.state =
    :state_1;

-- console: requests of some statuses
SELECT count(*) AS count_1
FROM (SELECT TOP 10001 ended.request_id AS request_id
FROM document_requests AS ended
WHERE ended.waiting_since IS NULL) AS anon_1;
SELECT TOP 50 anon_1.received_at, anon_1.request_id
FROM (SELECT anon_2.received_at AS received_at, anon_2.request_id AS request_id
FROM (SELECT anon_3.received_at AS received_at, anon_3.request_id AS request_id
FROM (SELECT TOP 50 document_requests.received_at AS received_at, document_requests.request_id AS
    request_id
FROM document_requests
WHERE document_requests.received_at <= :received_at_1 AND (document_requests.received_at <
    :received_at_2 OR document_requests.request_id < :request_id_1) AND document_requests.request_id
    IN (SELECT ended.request_id
FROM document_requests AS ended
WHERE ended.waiting_since IS NULL) AND document_requests.status IN (:param_3_1)
ORDER BY document_requests.received_at DESC, document_requests.request_id DESC) AS anon_3 UNION ALL
    SELECT anon_4.received_at AS received_at, anon_4.request_id AS request_id
FROM (SELECT TOP 50 document_requests.received_at AS received_at, document_requests.request_id AS
    request_id
FROM document_requests
WHERE document_requests.received_at <= :received_at_1 AND (document_requests.received_at <
    :received_at_2 OR document_requests.request_id < :request_id_1) AND document_requests.status =
    'RECEIVED' AND document_requests.status != 'COMPLETED'
ORDER BY document_requests.received_at DESC, document_requests.request_id DESC) AS anon_4) AS
    anon_2) AS anon_1
ORDER BY anon_1.received_at DESC, anon_1.request_id DESC;
SELECT document_requests.request_id, document_requests.source_system,
    document_requests.request_correlation_id, document_requests.body_digest,
    document_requests.document_type, document_requests.document_name, document_requests.language,
    document_requests.priority, document_requests.status, document_requests.generation,
    document_requests.version, document_requests.received_at, document_requests.updated_at,
    document_requests.submitted_at, document_requests.completed_at,
    document_requests.generated_late_at, document_requests.purged_at, document_requests.traceparent,
    document_requests.event_topic, document_requests.batch_id, document_requests.due_at,
    document_requests.lease_owner, document_requests.waiting_since, document_requests.failures,
    document_requests.failure_category, document_requests.failure_code,
    document_requests.failure_message, batches.thunderhead_batch_id
FROM document_requests
LEFT OUTER JOIN batches ON batches.batch_id = document_requests.batch_id
WHERE document_requests.request_id IN (:request_id_1_1, :request_id_1_2);
SELECT request_metadata.request_id, request_metadata.metadata_key, request_metadata.metadata_value
FROM request_metadata
WHERE request_metadata.request_id IN (:request_id_1_1, :request_id_1_2);
SELECT request_outputs.request_id, request_outputs.generation, request_outputs.position,
    request_outputs.channel_name, request_outputs.mime_type, request_outputs.page_count,
    request_outputs.document_name, request_outputs.location
FROM request_outputs
WHERE request_outputs.request_id IN (:request_id_1_1, :request_id_1_2);

-- console: requests by metadata
SELECT count(*) AS count_1
FROM (SELECT TOP 10001 request_metadata.request_id AS request_id
FROM request_metadata
WHERE request_metadata.metadata_key = :metadata_key_1 AND request_metadata.metadata_value =
    :metadata_value_1) AS anon_1;
SELECT TOP 50 document_requests.received_at, document_requests.request_id
FROM document_requests
WHERE document_requests.request_id IN (SELECT request_metadata.request_id
FROM request_metadata
WHERE request_metadata.metadata_key = :metadata_key_1 AND request_metadata.metadata_value =
    :metadata_value_1)
ORDER BY document_requests.received_at DESC, document_requests.request_id DESC;
SELECT document_requests.request_id, document_requests.source_system,
    document_requests.request_correlation_id, document_requests.body_digest,
    document_requests.document_type, document_requests.document_name, document_requests.language,
    document_requests.priority, document_requests.status, document_requests.generation,
    document_requests.version, document_requests.received_at, document_requests.updated_at,
    document_requests.submitted_at, document_requests.completed_at,
    document_requests.generated_late_at, document_requests.purged_at, document_requests.traceparent,
    document_requests.event_topic, document_requests.batch_id, document_requests.due_at,
    document_requests.lease_owner, document_requests.waiting_since, document_requests.failures,
    document_requests.failure_category, document_requests.failure_code,
    document_requests.failure_message, batches.thunderhead_batch_id
FROM document_requests
LEFT OUTER JOIN batches ON batches.batch_id = document_requests.batch_id
WHERE document_requests.request_id IN (:request_id_1_1);
SELECT request_metadata.request_id, request_metadata.metadata_key, request_metadata.metadata_value
FROM request_metadata
WHERE request_metadata.request_id IN (:request_id_1_1);
SELECT request_outputs.request_id, request_outputs.generation, request_outputs.position,
    request_outputs.channel_name, request_outputs.mime_type, request_outputs.page_count,
    request_outputs.document_name, request_outputs.location
FROM request_outputs
WHERE request_outputs.request_id IN (:request_id_1_1);

-- console: count requests
SELECT count(*) AS count_1
FROM (SELECT TOP 1001 document_requests.received_at AS received_at, document_requests.request_id AS
    request_id
FROM document_requests
WHERE document_requests.status = 'SUBMITTED' AND document_requests.status != 'COMPLETED') AS anon_1;

-- console: the request that waits longest
SELECT TOP 1 document_requests.request_id, document_requests.waiting_since
FROM document_requests
WHERE document_requests.status = :status_1 AND document_requests.waiting_since IS NOT NULL
ORDER BY document_requests.waiting_since;

-- console: events on their way
SELECT count(*) AS count_1
FROM (SELECT TOP 1001 outbox.created_at AS created_at
FROM outbox
WHERE outbox.state = :state_1 AND outbox.state != 'PUBLISHED') AS anon_1;
SELECT min(outbox.created_at) AS min_1
FROM outbox
WHERE outbox.state = :state_1 AND outbox.state != 'PUBLISHED';
SELECT count(*) AS count_1
FROM (SELECT TOP 1001 outbox.created_at AS created_at
FROM outbox
WHERE outbox.state = :state_1 AND outbox.state != 'PUBLISHED') AS anon_1;
SELECT min(outbox.created_at) AS min_1
FROM outbox
WHERE outbox.state = :state_1 AND outbox.state != 'PUBLISHED';

-- console: events set aside
SELECT TOP 200 outbox.request_id, document_requests.source_system,
    document_requests.request_correlation_id, outbox.generation, outbox.topic, outbox.created_at,
    outbox.last_error
FROM outbox JOIN document_requests ON document_requests.request_id = outbox.request_id
WHERE outbox.state = :state_1 AND outbox.state != 'PUBLISHED'
ORDER BY outbox.created_at;

-- console: batches
SELECT TOP 50 batches.batch_id, batches.state, batches.version, batches.batch_name,
    batches.batch_config_id, batches.project_id, batches.transaction_data_type, batches.properties,
    batches.payload_digest, batches.document_count, batches.created_at, batches.updated_at,
    batches.due_at, batches.lease_owner, batches.in_flight, batches.last_send_at,
    batches.unknown_since, batches.resend_ordered_at, batches.attempts, batches.failures,
    batches.thunderhead_batch_id, batches.submitted_at, batches.settled_at, batches.vendor_status,
    batches.vendor_status_text, batches.vendor_started_at, batches.vendor_finished_at,
    batches.trans_count, batches.trans_completed, batches.trans_errored, batches.trans_stopped,
    batches.polls, batches.terminal_since, batches.hold_reason
FROM batches
WHERE batches.state = 'HELD' AND batches.state != 'SETTLED' AND batches.created_at <= :created_at_1
    AND (batches.created_at < :created_at_2 OR batches.batch_id < :batch_id_1)
ORDER BY batches.created_at DESC, batches.batch_id DESC;

-- console: poll now
UPDATE batches
SET due_at=:due_at
WHERE batches.batch_id = :batch_id_1 AND batches.state = :state_1 AND batches.version = :version_1
    AND batches.lease_owner IS NULL;

-- console: audit
INSERT INTO operator_actions (at, actor, action, target_kind, target_id, reason, outcome)
OUTPUT inserted.action_id
VALUES (:at, :actor, :action, :target_kind, :target_id, :reason, :outcome);

-- statistics: count an hour
SELECT document_requests.source_system, count(*) AS number
FROM document_requests
WHERE document_requests.received_at >= :received_at_1 AND document_requests.received_at <
    :received_at_2 GROUP BY document_requests.source_system;
SELECT document_requests.source_system, status_history.to_status, status_history.failure_category,
    status_history.failure_code, count(*) AS number
FROM status_history JOIN document_requests ON document_requests.request_id =
    status_history.request_id
WHERE status_history.at >= :at_1 AND status_history.at < :at_2 AND status_history.to_status IN
    ('COMPLETED', 'FAILED') GROUP BY document_requests.source_system, status_history.to_status,
    status_history.failure_category, status_history.failure_code;

-- statistics: keep an hour
DELETE
FROM request_statistics
WHERE request_statistics.hour_start >= :hour_start_1 AND request_statistics.hour_start <
    :hour_start_2;
INSERT INTO request_statistics (hour_start, source_system, outcome, failure_category, failure_code,
    number)
VALUES (:hour_start, :source_system, :outcome, :failure_category, :failure_code, :number);

-- statistics: the fence
UPDATE statistics_mark
SET closed_until=:closed_until, counted_until=:counted_until, version=(statistics_mark.version +
    :version_1)
WHERE statistics_mark.mark_id = :mark_id_1 AND statistics_mark.version = :version_2;

-- console: what happened
SELECT request_statistics.hour_start, request_statistics.outcome, sum(request_statistics.number) AS
    number
FROM request_statistics
WHERE request_statistics.hour_start >= :hour_start_1 AND request_statistics.hour_start <
    :hour_start_2 GROUP BY request_statistics.hour_start, request_statistics.outcome;

-- console: what failed
SELECT TOP 10 request_statistics.failure_category, request_statistics.failure_code,
    sum(request_statistics.number) AS number
FROM request_statistics
WHERE request_statistics.hour_start >= :hour_start_1 AND request_statistics.hour_start <
    :hour_start_2 AND request_statistics.source_system IN (:source_system_1_1) AND
    request_statistics.outcome = :outcome_1 GROUP BY request_statistics.failure_category,
    request_statistics.failure_code
ORDER BY number DESC, request_statistics.failure_category, request_statistics.failure_code;

-- heartbeat of a job
UPDATE job_runs
SET job=:job, run_id=:run_id, started_at=:started_at, finished_at=:finished_at, summary=:summary
WHERE job_runs.job = :job_1;
SAVE TRANSACTION sa_savepoint_1;
INSERT INTO job_runs (job, run_id, started_at, finished_at, summary)
VALUES (:job, :run_id, :started_at, :finished_at, :summary);

-- census: what is open
SELECT document_requests.status, count(*) AS count_1, min(document_requests.waiting_since) AS min_1
FROM document_requests
WHERE document_requests.waiting_since IS NOT NULL GROUP BY document_requests.status;
SELECT outbox.state, count(*) AS count_1, min(outbox.created_at) AS min_1
FROM outbox
WHERE outbox.state != 'PUBLISHED' GROUP BY outbox.state;
