"""Runs sql/migrations/0001_counting.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0001_counting"))
