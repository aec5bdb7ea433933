"""Runs sql/migrations/0021_replicas.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0021_replicas"))
