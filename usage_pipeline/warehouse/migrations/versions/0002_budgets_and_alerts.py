"""Runs sql/migrations/0002_budgets_and_alerts.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0002_budgets_and_alerts"))
