"""Alembic's way in. `truestyle migrate` and the start of a store pass their connection along."""

from alembic import context

from truestyle.migrations.metadata import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
