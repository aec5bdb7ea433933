"""Runs sql/migrations/0011_anomalies.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0011_anomalies"))
