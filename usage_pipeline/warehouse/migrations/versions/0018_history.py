"""Runs sql/migrations/0018_history.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0018_history"))
