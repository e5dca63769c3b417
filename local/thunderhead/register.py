"""The register of accepted batches, and the ledger that proves what was generated."""

import random
from typing import Any

from local.clock import timestamp
from local.problems import Refusal
from local.thunderhead.batches import Batch
from local.thunderhead.configurations import BatchConfiguration, load_configurations
from local.thunderhead.options import ThunderheadOptions
from local.thunderhead.submissions import Submission, read_documents


class BatchRegister:
    """All batches of one simulator, by id and by client reference."""

    def __init__(self, options: ThunderheadOptions) -> None:
        self._options = options
        self._configurations = load_configurations(options.configurations_file)
        self._batches: dict[str, Batch] = {}
        self._by_reference: dict[str, Batch] = {}
        self._submissions: list[dict[str, Any]] = []
        self._random = random.Random(options.seed)
        # Ids go on from the time of day in milliseconds: a simulator that was started anew must
        # not give an id to a second batch while the client's database still knows the first.
        self._next_id = int(options.clock() * 1000)

    def submit(self, submission: Submission, *, stops_halfway: bool, is_late: bool) -> Batch:
        """Accept a submission, or refuse it; either way the ledger remembers it."""
        entry: dict[str, Any] = {
            "clientReference": submission.client_reference,
            "payloadSha256": submission.digest,
            "receivedAt": timestamp(self._options.clock()),
            "batchId": None,
            "outcome": "ACCEPTED",
        }
        self._submissions.append(entry)
        try:
            batch = self._accept(submission, stops_halfway, is_late)
        except Refusal as refusal:
            entry["outcome"] = refusal.code
            raise
        entry["batchId"] = batch.batch_id
        return batch

    def batch(self, batch_id: str) -> Batch:
        """Return a batch by its id, if it is already visible."""
        batch = self._batches.get(batch_id)
        if batch is None or not self._visible(batch):
            raise Refusal(404, "BATCH_NOT_FOUND", "There is no such batch.")
        return batch

    def batch_of_reference(self, client_reference: str) -> Batch | None:
        """Return the first batch of a client reference, if it is already visible."""
        batch = self._by_reference.get(client_reference)
        return batch if batch is not None and self._visible(batch) else None

    def ledger(self) -> dict[str, Any]:
        """Return every accepted batch and every submission, in the order of arrival."""
        now = self._options.clock()
        return {
            "batches": [
                {
                    "batchId": batch.batch_id,
                    "clientReference": batch.client_reference,
                    "documentReferences": [document.reference for document in batch.documents],
                    "generatedReferences": batch.generated_references(now),
                    "status": batch.status(now),
                    "acceptedAt": timestamp(batch.accepted_at),
                    "payloadSha256": batch.digest,
                }
                for batch in self._batches.values()
            ],
            "submissions": self._submissions,
        }

    def _accept(self, submission: Submission, stops_halfway: bool, is_late: bool) -> Batch:
        known = self._by_reference.get(submission.client_reference)
        if known is not None and self._options.references_unique:
            raise Refusal(
                409,
                "DUPLICATE_CLIENT_REFERENCE",
                "A batch with this client reference exists.",
                members={"existingBatchId": known.batch_id},
            )
        configuration = self._configuration(submission.batch_config_res_id)
        documents = read_documents(
            submission, configuration, name_bad_ones=self._options.names_bad_documents
        )
        now = self._options.clock()
        invisible = self._options.late_seconds if is_late else self._options.visibility_seconds
        duration = self._random.uniform(*self._options.generation_seconds)
        batch = Batch(
            batch_id=str(self._next_id),
            batch_name=submission.batch_name,
            client_reference=submission.client_reference,
            digest=submission.digest,
            configuration=configuration,
            documents=documents,
            accepted_at=now,
            visible_at=now + invisible,
            started_at=now + duration * self._options.queued_share,
            finished_at=now + duration,
            stops_halfway=stops_halfway,
            stopping_seconds=self._options.stopping_seconds,
        )
        self._next_id += 1
        self._batches[batch.batch_id] = batch
        self._by_reference.setdefault(batch.client_reference, batch)
        return batch

    def _configuration(self, resource_id: str) -> BatchConfiguration:
        configuration = self._configurations.get(resource_id)
        if configuration is None:
            message = "The tenant has no batch configuration with this id."
            raise Refusal(
                422,
                "UNKNOWN_BATCH_CONFIGURATION",
                message,
                errors=[{"field": "batchConfigResId", "message": message}],
            )
        return configuration

    def _visible(self, batch: Batch) -> bool:
        return self._options.clock() >= batch.visible_at
