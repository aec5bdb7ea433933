"""Runs sql/migrations/0016_locks.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0016_locks"))
