"""Runs sql/migrations/0030_evaluation_pace.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0030_evaluation_pace"))
