"""Runs sql/migrations/0022_set_aside_apps.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0022_set_aside_apps"))
