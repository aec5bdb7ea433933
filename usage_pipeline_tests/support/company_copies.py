"""A company that is built and read once, and copies of its databases: copying costs a tenth of building."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database
from usage_pipeline_tests.support import canaries
from usage_pipeline_tests.support.company import Company
from usage_pipeline_tests.support.databases import copy_database, migrated_pattern

_numbers = itertools.count()


@contextmanager
def company_to_copy(
    postgres: EmbeddedServer, build: Callable[[Callable[[], str], str], Company], *, read: bool = True
) -> Iterator[Company]:
    """What ``build`` makes of a maker of databases and a migrated warehouse; gone after the block.

    It has been read by one pass, unless the tests want to see the first.
    """
    dify, warehouse = _names()
    copy_database(postgres, warehouse, migrated_pattern(postgres))

    def make() -> str:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            create_database(connection, dify)
        return postgres.url(dify)

    try:
        company = build(make, postgres.url(warehouse))
        if read:
            assert not company.run().source_errors
        yield company
    finally:
        os.environ.pop("DIFY_DATABASE_URL", None)
        _drop(postgres, dify, warehouse)


@contextmanager
def copy_of(postgres: EmbeddedServer, company: Company) -> Iterator[Company]:
    """The company in databases of its own, for the block; nobody may be connected to what is copied."""
    dify, warehouse = _names()
    for name, of in ((dify, company.dify_url), (warehouse, company.warehouse_url)):
        copy_database(postgres, name, str(conninfo_to_dict(of)["dbname"]))
    try:
        yield replace(company, dify_url=postgres.url(dify), warehouse_url=postgres.url(warehouse))
    finally:
        _drop(postgres, dify, warehouse)


def _names() -> tuple[str, str]:
    number = next(_numbers)
    return f"company{os.getpid()}_{number}_dify", f"company{os.getpid()}_{number}_warehouse"


def _drop(postgres: EmbeddedServer, dify: str, warehouse: str) -> None:
    kept = canaries.in_database(postgres.url(warehouse))
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for name in (dify, warehouse):
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    assert not kept, f"a secret or a text is kept: {kept}"
