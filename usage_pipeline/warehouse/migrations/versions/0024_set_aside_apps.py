"""Runs sql/migrations/0024_set_aside_apps.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0024_set_aside_apps"))
