"""Runs sql/migrations/0020_report_editions.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0020_report_editions"))
