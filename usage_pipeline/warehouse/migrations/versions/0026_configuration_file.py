"""Runs sql/migrations/0026_configuration_file.sql."""

from alembic import op

from usage_pipeline.warehouse.statements import migration

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Forward only: there is no way down."""
    op.execute(migration("0026_configuration_file"))
