"""Alembic's environment: runs the revisions on the connection that shop/database.py hands in, in its transaction."""

from alembic import context

from shop.models import Base

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=Base.metadata,
    version_table=attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
