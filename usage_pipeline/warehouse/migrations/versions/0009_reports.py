"""Runs sql/migrations/0009_reports.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0009_reports"))
