"""Where the demo lives: its Dify and its warehouse on the embedded server, apart from anything of your own."""

import psycopg

from usage_pipeline.warehouse.demo_databases import DIFY_DATABASE, is_demo, mark_as_demo
from usage_pipeline.warehouse.embedded import (
    DAGSTER_DATABASE,
    WAREHOUSE_DATABASE,
    EmbeddedServer,
    create_database,
)
from usage_pipeline.warehouse.schema import WarehouseError


def make_place(server: EmbeddedServer) -> None:
    """Makes empty databases for the demo; those of an earlier demo go.

    Raises WarehouseError when the embedded warehouse holds usage of your own.
    """
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if not is_demo(server) and _has_usage(server):
            raise WarehouseError(
                "the embedded warehouse holds usage of your own, which the demo would overwrite; "
                "give the demo a place of its own: USAGE_PIPELINE_HOME=/tmp/usage_pipeline_demo usage-pipeline demo"
            )
        remove_place(server)
        for name in (DIFY_DATABASE, WAREHOUSE_DATABASE, DAGSTER_DATABASE):
            create_database(connection, name)
        mark_as_demo(connection)


def remove_place(server: EmbeddedServer) -> None:
    """Drops the demo's databases."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for name in (DIFY_DATABASE, WAREHOUSE_DATABASE, DAGSTER_DATABASE):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _has_usage(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.url(WAREHOUSE_DATABASE), autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('usage.source_state')").fetchone() == (None,):
            return False
        return connection.execute("SELECT 1 FROM usage.source_state LIMIT 1").fetchone() is not None
