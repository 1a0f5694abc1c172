"""Alembic's environment: runs the revisions on the connection that kefu/database.py hands in, in its transaction."""

from alembic import context

from kefu.record import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
