"""Runs sql/migrations/0017_replicas.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0017_replicas"))
