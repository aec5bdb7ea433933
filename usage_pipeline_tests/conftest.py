"""One embedded PostgreSQL for a test session; each test that asks gets databases of its own."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that lives as long as the test session (one a worker)."""
    home = Path(tmp_path_factory.mktemp("pg"))
    server = start_embedded(home)
    yield server
    stop_embedded(home)


@pytest.fixture
def empty_database(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        create_database(connection, name)
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def warehouse_url(empty_database: str) -> str:
    """The URL of a migrated warehouse."""
    migrate(empty_database)
    return empty_database


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Connection]:
    """A connection to a migrated warehouse."""
    connection = connect(warehouse_url)
    yield connection
    connection.close()
