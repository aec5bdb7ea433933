"""Runs sql/migrations/0031_usage_change.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0031_usage_change"))
