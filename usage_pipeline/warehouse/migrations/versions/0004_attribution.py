"""Runs sql/migrations/0004_attribution.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0004_attribution"))
