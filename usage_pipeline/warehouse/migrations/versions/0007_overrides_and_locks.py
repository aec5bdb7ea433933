"""Runs sql/migrations/0007_overrides_and_locks.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0007_overrides_and_locks"))
