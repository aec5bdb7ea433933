"""One MariaDB for the tests of a worker; each test that asks gets databases of its own, at Shanghai time."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from usage_pipeline_tests.support.mariadb import MariaDB, running_mariadb

_numbers = itertools.count()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A server that lives as long as the test session (one a worker)."""
    with running_mariadb() as server:
        yield server


@contextmanager
def new_database_on(server: MariaDB) -> Iterator[str]:
    """A new, empty database by its name, which goes with the block; sessions that begin now are at +08:00."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    execute(server, "SET GLOBAL time_zone = '+08:00'")
    execute(server, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield name
    execute(server, f"DROP DATABASE `{name}`")


@pytest.fixture
def new_mysql_database(mariadb: MariaDB) -> Iterator[Callable[[], str]]:
    """Makes new, empty databases and gives their names; they go with the test."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(new_database_on(mariadb))


def execute(server: MariaDB, statement: str) -> None:
    """Runs a statement as root."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
