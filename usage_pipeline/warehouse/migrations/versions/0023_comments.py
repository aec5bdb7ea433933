"""Runs sql/migrations/0023_comments.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0023_comments"))
