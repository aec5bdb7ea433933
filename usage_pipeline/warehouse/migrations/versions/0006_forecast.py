"""Runs sql/migrations/0006_forecast.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0006_forecast"))
