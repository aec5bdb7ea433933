"""Runs sql/migrations/0012_alert_functions.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0012_alert_functions"))
