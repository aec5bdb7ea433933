"""Runs sql/migrations/0013_scopes.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0013_scopes"))
