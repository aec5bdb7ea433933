"""Runs sql/migrations/0019_audit_chain.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0019_audit_chain"))
