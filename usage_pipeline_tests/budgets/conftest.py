"""A warehouse that a whole module may read."""

from collections.abc import Iterator

import psycopg
import pytest

from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.databases import copy_database


@pytest.fixture(scope="module")
def postgres_warehouse(postgres: EmbeddedServer, migrated: str) -> Iterator[Connection]:
    """A connection to a migrated warehouse of the module's own."""
    connection = connect(copy_database(postgres, "budgets_module", migrated))
    yield connection
    connection.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE budgets_module WITH (FORCE)")
