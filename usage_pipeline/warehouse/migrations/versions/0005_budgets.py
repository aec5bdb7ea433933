"""Runs sql/migrations/0005_budgets.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0005_budgets"))
