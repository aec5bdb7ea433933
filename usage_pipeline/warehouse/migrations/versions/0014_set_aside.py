"""Runs sql/migrations/0014_set_aside.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0014_set_aside"))
