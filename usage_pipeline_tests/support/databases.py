"""Warehouses of tests: one a server is migrated, the others are copies of it."""

import functools

import psycopg
from psycopg.sql import SQL, Identifier

from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database
from usage_pipeline.warehouse.schema import migrate


@functools.cache
def migrated_pattern(server: EmbeddedServer) -> str:
    """Returns the name of a warehouse that is migrated once a server; nobody may connect to it."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        create_database(connection, "migrated")
    migrate(server.url("migrated"))
    return "migrated"


def copy_database(server: EmbeddedServer, name: str, pattern: str) -> str:
    """Makes a database like another, to which nobody may be connected. Returns its URL.

    Files are copied in half the time that their pages take through the log; a copied warehouse costs a twentieth of a
    migration.
    """
    copy = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(Identifier(name), Identifier(pattern))
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(copy)
    return server.url(name)
