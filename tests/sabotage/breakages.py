"""One deliberate breakage after another: each undoes what keeps a promise, and a test must see it.

`make sabotage` carries them out in a copy of the repository. The table in docs/promises.md names
the same ones.
"""

from __future__ import annotations

from tests.sabotage import border_breakages
from tests.sabotage.breakage import Breakage

STORED = "202 means stored, once"
NOT_LOST = "no request is lost"
ONE_WORKER = "no request is worked on twice at once"
GENERATED_ONCE = "no document is generated twice"
PUBLISHED = "a terminal status is published, in order per request"
ONE_BAD = "one bad document stops nobody"
OUTAGE = "an outage costs no attempts, and no next run hammers"
SEEN = "nothing waits unseen"
EXITS = "HELD has exits"
KILLED = "two instances, a lost timer lease, a kill -9 at any line"

JOBS = "tests/integration/jobs"
STORE = "tests/integration/store"

BREAKAGES = (
    Breakage(
        "the database no longer refuses a second row for a pair",
        STORED,
        "shared/store/migrations/versions/0001_the_first_schema.py",
        """        sa.UniqueConstraint(
            "request_correlation_id",
            "source_system",
            name=op.f("uq_document_requests_request_correlation_id_source_system"),
        ),
""",
        "",
        "tests/unit/jobs/test_intake.py::test_the_loser_of_a_race_reads_the_winners_row",
    ),
    Breakage(
        "a replay is validated like a new request",
        STORED,
        "shared/jobs/intake.py",
        "            self._answer_known(requests, digests, answers)\n            fresh",
        "            fresh",
        "tests/unit/jobs/test_intake.py::test_a_replay_is_answered_while_reference_data_is_out",
    ),
    Breakage(
        "any body is a replay of the stored one",
        STORED,
        "shared/jobs/intake.py",
        "same = found.body_digest == digests[index]",
        "same = True",
        "tests/unit/jobs/test_intake.py::test_another_body_under_the_same_pair_is_refused",
    ),
    Breakage(
        "what a dead run had claimed is never taken up",
        NOT_LOST,
        "shared/jobs/processing.py",
        "for status in (RequestStatus.PROCESSING, RequestStatus.RECEIVED):",
        "for status in (RequestStatus.RECEIVED,):",
        f"{JOBS}/test_leases.py::test_what_a_dead_run_had_claimed_is_taken_up_when_its_lease_ends",
    ),
    Breakage(
        "a claim that is given back has no due time",
        NOT_LOST,
        "shared/store/claimed_requests.py",
        '                "due_at": due_at,\n',
        '                "due_at": None,\n',
        f"{JOBS}/test_outages.py::test_without_reference_data_claims_are_given_back",
    ),
    Breakage(
        "a claim does not ask for the status again",
        ONE_WORKER,
        "shared/store/statements.py",
        ".where(key.in_(due), is_claimable)",
        ".where(key.in_(due))",
        f"{STORE}/test_sql_server.py::"
        "test_there_is_one_claim_per_table_and_state_and_all_have_the_shape",
    ),
    Breakage(
        "a claim's writes are not guarded by its owner",
        ONE_WORKER,
        "shared/store/claimed_requests.py",
        """            r.request_id.in_(request_ids),
            r.lease_owner == owner,
""",
        "            r.request_id.in_(request_ids),\n",
        f"{STORE}/test_fencing.py::test_a_claim_belongs_to_its_owner",
    ),
    Breakage(
        "a batch's writes are not guarded by its owner",
        ONE_WORKER,
        "shared/store/batches.py",
        "                b.lease_owner == batch.lease_owner,\n",
        "",
        f"{STORE}/test_fencing.py::test_a_batch_belongs_to_its_owner",
    ),
    Breakage(
        "a lease is not looked at before a POST",
        ONE_WORKER,
        "shared/jobs/leasing.py",
        "        if not self.is_short(batch.leased_until):\n            return batch\n",
        "        return batch\n",
        f"{JOBS}/test_leases.py::test_nothing_is_sent_under_a_lease_that_is_lost",
    ),
    Breakage(
        "a settlement is not guarded by the status",
        ONE_WORKER,
        "shared/store/batched_requests.py",
        ".where(r.batch_id == batch_id, r.status == before.value)",
        ".where(r.batch_id == batch_id)",
        f"{STORE}/test_fencing.py::test_a_change_of_status_returns_only_the_rows_it_changed",
    ),
    Breakage(
        "a send without an answer counts as not accepted",
        GENERATED_ONCE,
        "shared/domain/submission.py",
        "            return Doubt(reason, retry_after)\n        case Unexpected",
        "            return Wait(reason, retry_after)\n        case Unexpected",
        f"{JOBS}/test_submission_faults.py::"
        "test_without_unique_references_nothing_in_doubt_is_sent_twice",
    ),
    Breakage(
        "a rejection dissolves a batch that is in doubt",
        GENERATED_ONCE,
        "shared/domain/submission.py",
        "        case Rejected() | TooLarge() if in_doubt:",
        "        case Rejected() | TooLarge() if False:",
        f"{JOBS}/test_held_batches.py::test_a_resend_that_is_rejected_proves_nothing_of_the_first",
    ),
    Breakage(
        "what is not found is sent again without unique references",
        GENERATED_ONCE,
        "shared/domain/submission.py",
        "            if guarantees.reference_unique:\n                return Resend(clears_doubt",
        "            if True:\n                return Resend(clears_doubt",
        f"{JOBS}/test_held_batches.py::test_a_batch_that_shows_later_is_released_by_itself",
    ),
    Breakage(
        "a batch is sent again under a new reference",
        GENERATED_ONCE,
        "shared/jobs/submission_results.py",
        "        again = self.assembler.again(parcel.batch, parcel.requests)\n",
        "        again = self.assembler.successor(parcel.batch, parcel.requests)\n",
        f"{JOBS}/test_submission_faults.py::test_without_lookup_the_identical_bytes_are_sent_again",
    ),
    Breakage(
        "a batch with our reference is adopted without a look at its documents",
        GENERATED_ONCE,
        "shared/domain/submission.py",
        "    if set(documents) == ours:",
        "    if True:",
        f"{JOBS}/test_submission_faults.py::test_an_adopted_batch_must_hold_our_documents",
    ),
    Breakage(
        "nobody remembers that an intent may have been sent",
        GENERATED_ONCE,
        "shared/jobs/assembling.py",
        "            in_flight=True,\n",
        "            in_flight=False,\n",
        f"{JOBS}/test_leases.py::test_a_run_that_died_during_a_send_leaves_it_in_doubt",
    ),
    Breakage(
        "a timed-out document is made again without a look at the old one",
        GENERATED_ONCE,
        "shared/jobs/operations.py",
        "_MAY_EXIST = frozenset({FailureCategory.TIMEOUT, FailureCategory.ABANDONED})",
        "_MAY_EXIST = frozenset[FailureCategory]()",
        f"{JOBS}/test_reprocessing.py::test_reprocessing_reads_the_old_document_itself",
    ),
    Breakage(
        "an event is marked that the broker does not have",
        PUBLISHED,
        "shared/jobs/publishing.py",
        "[event_id for event_id, failure in results.items() if failure is None]",
        "list(results)",
        "tests/unit/jobs/test_publishing.py::test_a_failure_that_passes_is_tried_again_later",
    ),
    Breakage(
        "an event has a new id each time",
        PUBLISHED,
        "shared/domain/events.py",
        'uuid5(_NAMESPACE, f"{request_id}/{generation}/{status.value}")',
        "__import__('uuid').uuid4()",
        "tests/unit/domain/test_events.py::test_the_id_of_a_transition_is_the_same_for_ever",
    ),
    Breakage(
        "a terminal status has no event in its transaction",
        PUBLISHED,
        "shared/jobs/outcomes.py",
        "        if ended:\n",
        "        if not ended:\n",
        f"{JOBS}/test_whole_flow.py::test_an_event_is_a_cloud_event_with_the_resource_of_its_moment",
    ),
    Breakage(
        "a request is reprocessed before its event is out",
        PUBLISHED,
        "shared/store/requests.py",
        "                ~unpublished,\n",
        "",
        f"{JOBS}/test_reprocessing.py::test_its_event_must_have_gone_out_first",
    ),
    Breakage(
        "an event that the broker refuses is tried for ever",
        PUBLISHED,
        "shared/jobs/publishing.py",
        "            if failure.is_final:\n",
        "            if False:\n",
        "tests/unit/jobs/test_publishing.py::test_an_event_that_the_broker_refuses_is_set_aside",
    ),
    Breakage(
        "a rejected batch fails as a whole",
        ONE_BAD,
        "shared/domain/submission.py",
        "    if len(documents) == 1:\n        return Dissolve({documents[0]: "
        "_failure(code, message)}, ())\n",
        "    return Dissolve(dict.fromkeys(documents, _failure(code, message)), ())\n",
        f"{JOBS}/test_submission_faults.py::"
        "test_where_none_is_named_batches_are_split_until_the_bad_one_is_alone",
    ),
    Breakage(
        "content that cannot be rendered ends the run",
        ONE_BAD,
        "shared/jobs/assembling.py",
        "                except (KeyError, ValueError):",
        "                except (ZeroDivisionError,):",
        f"{JOBS}/test_one_bad_thing.py::test_content_that_cannot_be_rendered_fails_alone",
    ),
    Breakage(
        "an outage uses up attempts",
        OUTAGE,
        "shared/jobs/submission_results.py",
        "counts = batch.in_flight and self.thunderhead_answered",
        "counts = batch.in_flight",
        f"{JOBS}/test_outages.py::test_an_outage_behind_a_gateway_uses_up_no_attempt",
    ),
    Breakage(
        "a pause is not stored for the next run",
        OUTAGE,
        "shared/jobs/pausing.py",
        "        self._store.write(lambda tx: tx.pauses.extend(pause))\n",
        "",
        f"{JOBS}/test_outages.py::test_a_pause_is_kept_by_the_next_run_without_a_call",
    ),
    Breakage(
        "Retry-After is not respected",
        OUTAGE,
        "shared/domain/retrying.py",
        "return max(drawn, min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))",
        "return drawn",
        "tests/unit/domain/test_retrying.py",
    ),
    Breakage(
        "a batch times out although its cancellation failed",
        SEEN,
        "shared/jobs/polling.py",
        "            case Cancellation.FAILED:\n"
        "                return Polled(self._batch, report)\n",
        "",
        f"{JOBS}/test_polling.py::test_without_a_cancel_nothing_times_out",
    ),
    Breakage(
        "nobody looks at a batch that timed out",
        SEEN,
        "shared/jobs/polling.py",
        "            is_watched=not settlement.is_ended(final),\n",
        "",
        f"{JOBS}/test_reprocessing.py::"
        "test_a_late_success_is_noted_shown_and_stands_against_reprocessing",
    ),
    Breakage(
        "HELD batches are never looked up again",
        SEEN,
        "shared/jobs/processing.py",
        "            self._recover(BatchState.HELD)\n",
        "            pass\n",
        f"{JOBS}/test_held_batches.py::test_a_batch_that_shows_later_is_released_by_itself",
    ),
    Breakage(
        "a decision on a HELD batch is not guarded by its version",
        EXITS,
        "shared/store/batches.py",
        "b.state == BatchState.HELD.value,\n                b.version == batch.version,\n",
        "b.state == BatchState.HELD.value,\n",
        f"{STORE}/test_fencing.py::test_a_decision_is_for_the_version_that_was_seen",
    ),
    Breakage(
        "an operator adopts whatever batch is named",
        EXITS,
        "shared/jobs/held.py",
        "            self._require_ours(held, thunderhead_batch_id)\n",
        "",
        f"{JOBS}/test_held_batches.py::test_nothing_else_is_adopted",
    ),
    Breakage(
        "an order to send again is good for ever",
        EXITS,
        "shared/jobs/submission_results.py",
        "batch.resend_ordered_at if isinstance(decision, Wait) else None",
        "batch.resend_ordered_at",
        f"{JOBS}/test_held_batches.py::test_an_order_to_send_again_is_spent_by_a_rejection",
    ),
    Breakage(
        "a doubt is forgotten when a run dies before it wrote what it heard",
        KILLED,
        "shared/jobs/processing.py",
        "        if not is_held and _sender_died(batch):\n",
        "        if False:\n",
        f"{JOBS}/test_leases.py::test_a_run_that_died_during_a_send_leaves_it_in_doubt",
    ),
    Breakage(
        "content is removed while its event is unpublished",
        PUBLISHED,
        "shared/store/retention.py",
        ".where(is_over, ~unpublished)",
        ".where(is_over)",
        f"{JOBS}/test_retention.py::test_what_is_not_terminal_or_not_published_stays",
    ),
    *border_breakages.BREAKAGES,
)
