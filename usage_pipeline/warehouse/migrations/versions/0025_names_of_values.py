"""Runs sql/migrations/0025_names_of_values.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0025_names_of_values"))
