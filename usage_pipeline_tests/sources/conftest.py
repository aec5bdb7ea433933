"""One MariaDB for the tests of a worker; each test that asks gets databases of its own, at Shanghai time."""

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from usage_pipeline_tests.mariadb import MariaDB, running_mariadb

_numbers = itertools.count()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A server that lives as long as the test session (one a worker)."""
    with running_mariadb() as server:
        yield server


@pytest.fixture
def new_mysql_database(mariadb: MariaDB) -> Iterator[Callable[[], str]]:
    """Makes new, empty databases and gives their names; they go with the test. New sessions are at +08:00."""
    names: list[str] = []

    def make() -> str:
        names.append(f"t{os.getpid()}_{next(_numbers)}")
        _execute(mariadb, f"CREATE DATABASE `{names[-1]}` CHARACTER SET utf8mb4")
        return names[-1]

    _execute(mariadb, "SET GLOBAL time_zone = '+08:00'")
    yield make
    for name in names:
        _execute(mariadb, f"DROP DATABASE `{name}`")


def _execute(server: MariaDB, statement: str) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
