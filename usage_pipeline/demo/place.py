"""Where the demo lives: its Dify and its warehouse on the embedded server, apart from anything of your own."""

import os

import psycopg

from usage_pipeline.warehouse.embedded import (
    DAGSTER_DATABASE,
    WAREHOUSE_DATABASE,
    EmbeddedServer,
    create_database,
)
from usage_pipeline.warehouse.schema import WarehouseError

DIFY_DATABASE = "demo_dify"
_MARK = "made by usage-pipeline demo"


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
        connection.execute(f"COMMENT ON DATABASE {WAREHOUSE_DATABASE} IS '{_MARK}'")


def remove_place(server: EmbeddedServer) -> None:
    """Drops the demo's databases."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for name in (DIFY_DATABASE, WAREHOUSE_DATABASE, DAGSTER_DATABASE):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def is_demo(server: EmbeddedServer) -> bool:
    """Whether the embedded warehouse is the demo's."""
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


def _has_usage(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.url(WAREHOUSE_DATABASE), autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('usage.source_state')").fetchone() == (None,):
            return False
        return connection.execute("SELECT 1 FROM usage.source_state LIMIT 1").fetchone() is not None
