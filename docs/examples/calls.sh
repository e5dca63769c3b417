#!/usr/bin/env bash
# The calls of the Document Request API with curl. Set OMS_API (such as
# https://oms.example/api/v1) and OMS_TOKEN (a bearer token of your application).
set -euo pipefail
api=${OMS_API:?} auth="Authorization: Bearer ${OMS_TOKEN:-}"

# Submit. Time-outs, 429 and 5xx are tried again, with the same pair and the same body: it is
# stored once. --retry waits as long as Retry-After says.
receipt=$(curl --silent --show-error --fail-with-body --max-time 30 \
    --retry 5 --retry-connrefused \
    --header "$auth" --json '{
        "sourceSystem": "ARCADE",
        "requestCorrelationId": "REQ-0001-9749",
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "metadata": {"INVOICE_ID": "490634", "FOOTER_ID": "2"},
        "content": {"Document": {"InvoiceNumber": "490634", "TotalAmount": 12.50}}
    }' "$api/document-requests")
echo "$receipt"
id=$(sed -E 's/.*"requestId":"([^"]+)".*/\1/' <<<"$receipt")

# Read it, and what happened to it so far.
curl --silent --show-error --fail-with-body --header "$auth" "$api/document-requests/$id"
curl --silent --show-error --fail-with-body --header "$auth" "$api/document-requests/$id/history"

# Find requests, and count them for a reconciliation.
curl --silent --show-error --fail-with-body --header "$auth" --get \
    --data-urlencode "sourceSystem=ARCADE" --data-urlencode "metadata.INVOICE_ID=490634" \
    --data-urlencode "receivedFrom=2026-01-01T00:00:00Z" "$api/document-requests"
curl --silent --show-error --fail-with-body --header "$auth" \
    "$api/document-requests/summary?sourceSystem=ARCADE"

# Several in one call: 207, and each item has its own status.
curl --silent --show-error --fail-with-body --header "$auth" \
    --json '{"items": [{"sourceSystem": "ARCADE"}]}' "$api/document-requests/batch"

# Cancel, while it is RECEIVED.
curl --silent --show-error --fail-with-body --header "$auth" \
    --request POST "$api/document-requests/$id/cancel"
