"""Looks at a Dify database before anything is read from it: what it has, who we are there, what time it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from usage_pipeline.settings import SourceSettings
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_mysql.schema import tables_it_may_write
from usage_pipeline.sources.dify_postgres.connection import connect_read_only, writable_tables
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.sources.dify_schema import DifySchema
from usage_pipeline.sources.mysql_url import is_mysql_url
from usage_pipeline.warehouse.rows import value

_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True)
class Examination:
    """What was found at a Dify database."""

    schema: DifySchema
    writable: list[str]  # tables that the role could change; a reader's list is empty
    clock: datetime  # aware UTC
    zone: str | None  # in which the database makes times; None where the session says UTC itself
    unindexed: tuple[str, ...]  # tables that each pass reads whole


def examine(source: SourceSettings, url: str) -> Examination:
    """Connects and looks. Raises SourceError that says what is wrong and what to do, without the password."""
    return _mysql(source, url) if is_mysql_url(url) else _postgres(url)


def _postgres(url: str) -> Examination:
    connection = connect_read_only(url, statement_timeout=_TIMEOUT)
    try:
        schema = read_schema(connection)
        clock = value(connection, datetime, "SELECT clock_timestamp()")
        return Examination(schema, writable_tables(connection), clock, None, ())
    except psycopg.Error as error:
        raise SourceError(f"cannot be read: {str(error).splitlines()[0]}; grant SELECT on Dify's tables") from None
    finally:
        connection.close()


def _mysql(source: SourceSettings, url: str) -> Examination:
    opened = DifyMysql(source.id, url, statement_timeout=_TIMEOUT, database_timezone=source.database_timezone)
    try:
        return Examination(
            opened.schema, tables_it_may_write(opened.reader), opened.clock(), str(opened.zone), opened.unindexed
        )
    finally:
        opened.close()
