"""The books of two tenants, written once a worker."""

from collections.abc import Iterator

import psycopg
import pytest

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.support.report_books import AFTERWARDS, DAY, SETTINGS, write_books


@pytest.fixture(scope="session")
def books_url(postgres: EmbeddedServer) -> str:
    """The URL of a warehouse with the books; tests only read it."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        create_database(connection, "books")
    migrate(postgres.url("books"))
    with connect(postgres.url("books")) as warehouse:
        write_books(warehouse)
    return postgres.url("books")


@pytest.fixture
def books(books_url: str) -> Iterator[Connection]:
    """A connection to them."""
    connection = connect(books_url)
    yield connection
    connection.close()


@pytest.fixture
def report(books: Connection) -> Report:
    """Everybody's report of one day."""
    return make_report(books, SETTINGS, edition_of("day", DAY), now=AFTERWARDS)
