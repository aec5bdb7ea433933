"""Runs sql/migrations/0033_cost_of_a_period.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0033_cost_of_a_period"))
