"""The books of two tenants, written once a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.databases import copy_database
from usage_pipeline_tests.support.report_books import AFTERWARDS, DAY, SETTINGS, write_books


@pytest.fixture(scope="session")
def books_url(postgres: EmbeddedServer, migrated: str) -> str:
    """The URL of a warehouse with the books; tests only read it."""
    url = copy_database(postgres, "books", migrated)
    with connect(url) as warehouse:
        write_books(warehouse)
    return url


@pytest.fixture
def books(books_url: str) -> Iterator[Connection]:
    """A connection to them."""
    connection = connect(books_url)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def report(books_url: str) -> Report:
    """Everybody's report of one day, made once a worker: nothing changes it."""
    with connect(books_url) as connection:
        return make_report(connection, SETTINGS, edition_of("day", DAY), now=AFTERWARDS)


@pytest.fixture(scope="session")
def pages(report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The day's page in each language."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        language: write_report(report, [ReportFormat.HTML], folder / language, language)[0] for language in ("en", "zh")
    }
