"""Runs sql/migrations/0015_locks.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0015_locks"))
