"""Runs sql/migrations/0010_enforcement.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0010_enforcement"))
