"""A small Dify with the fake console before it; tests that switch things put them back or take the database anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from usage_pipeline.console.access import ConsoleAccess
from usage_pipeline.console.client import Console
from usage_pipeline.fake_dify.console import FakeConsole, fake_console
from usage_pipeline.fake_dify.console_sessions import Account
from usage_pipeline.fake_dify.history import History, build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_world
from usage_pipeline.http.exchange import Timeouts
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database

EMAIL = "li.na@example.com"
PASSWORD = "correct s3cr3t horse 42"
ADMIN_KEY = "admin-s3cr3t-9f8e7d6c5b4a"
SHORT = Timeouts(connect=2.0, read=0.5, whole=1.5)


@dataclass
class Place:
    """The fake console and what it shows."""

    fake: FakeConsole
    history: History
    dify_url: str
    refusals: Path
    slept: list[float]

    def access(self, **changes: Any) -> ConsoleAccess:
        """An account that owns every workspace, unless changed."""
        access = ConsoleAccess(f"{self.fake.url}/console/api", EMAIL, PASSWORD, requests_per_second=1000.0)
        return replace(access, **changes)

    @contextmanager
    def console(self, *, timeouts: Timeouts = SHORT, limit: int = 1 << 26, **changes: Any) -> Iterator[Console]:
        """A client of it that does not really sleep between attempts."""
        console = Console(
            self.access(**changes),
            timeouts=timeouts,
            refusals=self.refusals,
            sleep=self.slept.append,
            limit=limit,
        )
        try:
            yield console
        finally:
            console.close()

    def app_id(self, name: str) -> str:
        """An app's id by its name."""
        return self.history.world.apps[name].app_id

    def workspace(self, name: str) -> str:
        """A workspace's id by its name."""
        return self.history.world.tenants[name][0]

    def paths(self) -> list[str]:
        """Method and path of each call so far, without the common beginning."""
        return [f"{c.method} {c.path.removeprefix('/console/api/')}" for c in self.fake.faults.calls]


@pytest.fixture(scope="session")
def written(postgres: EmbeddedServer) -> tuple[History, str]:
    """A Dify's world, and the name of a database that holds it: tests work on copies."""
    history = build_history(3, datetime.now(UTC), days=1, calls_a_day=0)
    name = "console_world"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        create_database(connection, name)
    with connected(postgres.url(name)) as connection:
        create_dify_schema(connection)
        write_world(connection, history.world)
    return history, name


@pytest.fixture
def copy_of_dify(postgres: EmbeddedServer, written: tuple[History, str]) -> Iterator[Callable[[], str]]:
    """Makes a copy of it and gives its URL."""
    names: list[str] = []

    def make() -> str:
        names.append(f"console_{len(names)}")
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {names[-1]} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {names[-1]} TEMPLATE {written[1]}".encode())
        return postgres.url(names[-1])

    yield make
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def make_place(
    copy_of_dify: Callable[[], str], written: tuple[History, str], tmp_path: Path
) -> Iterator[Callable[..., Place]]:
    """Starts a console with options of its own; it ends with the test."""
    running = []

    def make(**options: Any) -> Place:
        url = copy_of_dify()
        accounts = options.pop("accounts", [Account(EMAIL, PASSWORD)])
        context = fake_console(url, accounts=accounts, **options)
        fake = context.__enter__()
        running.append(context)
        return Place(fake, written[0], url, tmp_path / "refusals", [])

    yield make
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """A console of 1.12.1."""
    return make_place()
