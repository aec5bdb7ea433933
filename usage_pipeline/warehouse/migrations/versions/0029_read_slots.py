"""Runs sql/migrations/0029_read_slots.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0029_read_slots"))
