"""Runs sql/migrations/0028_names_of_values.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0028_names_of_values"))
