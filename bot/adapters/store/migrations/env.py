"""Alembic's entry: run the steps on the connection that `migrate` hands in."""

from alembic import context

from bot.adapters.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,  # SQLite alters a table by building it anew.
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
