"""Runs sql/migrations/0008_delivery.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0008_delivery"))
