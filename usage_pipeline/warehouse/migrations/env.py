"""Tells alembic which connection to migrate; the versions run the files of sql/migrations/."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="schema_version", version_table_schema="usage")
with context.begin_transaction():
    context.run_migrations()
