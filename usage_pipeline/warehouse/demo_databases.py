"""The demo's databases on the embedded server: how every command knows that it works on them."""

import os

import psycopg

from usage_pipeline.warehouse.embedded import WAREHOUSE_DATABASE, EmbeddedServer
from usage_pipeline.warehouse.schema import WarehouseError

DIFY_DATABASE = "demo_dify"
_MARK = "made by usage-pipeline demo"


def mark_as_demo(connection: psycopg.Connection) -> None:
    """Marks the warehouse of this server as the demo's; the mark goes with the database."""
    connection.execute(f"COMMENT ON DATABASE {WAREHOUSE_DATABASE} IS '{_MARK}'")


def is_demo(server: EmbeddedServer) -> bool:
    """Returns whether the embedded warehouse is the demo's."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [WAREHOUSE_DATABASE]
        ).fetchone()
    return bool(row and row[0] == _MARK)


def use_demo_dify(server: EmbeddedServer) -> bool:
    """Points DIFY_DATABASE_URL at the demo's Dify while the warehouse is the demo's; returns whether it is.

    Raises WarehouseError when another Dify is named: its usage must not be mixed with the demo's.
    """
    if not is_demo(server):
        return False
    ours = server.url(DIFY_DATABASE)
    if os.environ.setdefault("DIFY_DATABASE_URL", ours) != ours:
        raise WarehouseError(
            "the embedded warehouse holds the demo, and DIFY_DATABASE_URL names another Dify; "
            "remove the demo first: usage-pipeline demo --remove"
        )
    return True
