"""Alembic's entry: migrates over the connection that `store.migrate` gives."""

from alembic import context

from ru1_app.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
