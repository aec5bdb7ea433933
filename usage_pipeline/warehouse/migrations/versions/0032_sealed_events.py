"""Runs sql/migrations/0032_sealed_events.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0032_sealed_events"))
