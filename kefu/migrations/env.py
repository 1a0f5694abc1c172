"""Alembic's environment: runs the revisions on the connection that shop/database.py hands in, in its transaction."""

from alembic import context

import kefu.proofs
import kefu.staff_roles  # noqa: F401  these two add their tables to the record's
from kefu.record import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
