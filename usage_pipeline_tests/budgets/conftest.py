"""A warehouse that a whole module may read."""

from collections.abc import Iterator

import psycopg
import pytest

from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database
from usage_pipeline.warehouse.schema import migrate


@pytest.fixture(scope="module")
def postgres_warehouse(postgres: EmbeddedServer) -> Iterator[Connection]:
    """A connection to a migrated warehouse of the module's own."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        create_database(connection, "budgets_module")
    migrate(postgres.url("budgets_module"))
    connection = connect(postgres.url("budgets_module"))
    yield connection
    connection.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE budgets_module WITH (FORCE)")
