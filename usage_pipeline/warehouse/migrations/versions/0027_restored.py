"""Runs sql/migrations/0027_restored.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0027_restored"))
