"""Alembic's entry: runs the migrations on the connection that `migrations.upgrade` holds."""

from __future__ import annotations

from alembic import context

from shared.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    # SQLite can roll DDL back too, now that the driver leaves BEGIN to us.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
