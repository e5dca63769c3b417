#!/usr/bin/env bash
# After `azd provision`: users of the database, then its schema. azd hands over what main.bicep
# outputs. It runs as whoever is logged in, who must be (in the group that is) the administrator of
# the database, and must reach it: where the network is private, from inside.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ${OMS_SKIP_DATABASE:-} == true ]]; then
    echo "OMS_SKIP_DATABASE=true: neither users nor schema were touched (docs/deploy.md)."
    exit 0
fi

make --no-print-directory setup
export OMS_ENVIRONMENT=$AZURE_ENV_NAME OMS_DATABASE_URL
.venv/bin/python -m infra.hooks.database_access \
    --runtime-name "$OMS_RUNTIME_IDENTITY" --runtime-client-id "$OMS_RUNTIME_CLIENT_ID" \
    --migration-name "$OMS_MIGRATION_IDENTITY" --migration-client-id "$OMS_MIGRATION_CLIENT_ID"

# A pipeline migrates on its own, as the migration identity.
if [[ ${OMS_MIGRATE_LATER:-} != true ]]; then
    .venv/bin/python -m shared migrate
fi
