"""Tells whether the role that reads a source could also write to it."""

from usage_pipeline.warehouse.connection import Connection


def writable_tables(connection: Connection) -> list[str]:
    """The tables of Dify that the session's role may change; a reader's list is empty."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
        " AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY c.relname = 'messages' DESC, 1"
    )
    return [str(name) for (name,) in rows]
