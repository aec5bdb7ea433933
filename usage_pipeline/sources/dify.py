"""A Dify whose database can be reached, PostgreSQL or MySQL by its URL: opens it, and looks at it for doctor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, variable
from usage_pipeline.sources.base import Driver, Examined, Source, SourceError, url_of
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_mysql.schema import tables_it_may_write
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.dify_postgres.connection import PostgresReader, writable_tables
from usage_pipeline.sources.dify_postgres.schema import read_schema
from usage_pipeline.sources.dify_schema import DifySchema, filtered_words
from usage_pipeline.sources.extent import Extent, extent_finding, mysql_extent, postgres_extent
from usage_pipeline.sources.mysql_url import is_mysql_url
from usage_pipeline.sources.replica import Replica
from usage_pipeline.sources.server_findings import pooler_findings, server_findings
from usage_pipeline.warehouse.pooler import Pooling
from usage_pipeline.warehouse.rows import value

_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True)
class _Database:
    """What was found at a Dify database."""

    schema: DifySchema
    writable: list[str]  # tables that the role could change; a reader's list is empty
    clock: datetime  # aware UTC
    replica: Replica | None
    pooling: Pooling
    zone: str | None  # in which the database makes times; None where the session says UTC itself
    unindexed: tuple[str, ...]  # tables that each pass reads whole
    extent: Extent | None  # None where looking took too long


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects. Raises SourceError that says what is wrong and what to do, without the password."""
    url = url_of(source, "Dify's database, postgresql://reader:password@host:5432/dify or mysql://...:3306/dify")
    timeout = timedelta(seconds=settings.lookback.statement_timeout_seconds)
    if is_mysql_url(url):
        zone = source.database_timezone
        return DifyMysql(source.id, url, statement_timeout=timeout, database_timezone=zone)
    return DifyPostgres(source.id, url, statement_timeout=timeout)


def examine(source: SourceSettings, settings: Settings) -> Iterator[Examined]:
    """Yields what is well, odd or wrong with a Dify database."""
    try:
        url = variable(source.url_env)
    except MissingSecretError as error:
        yield Examined("wrong", str(error))
        return
    if not url:
        yield Examined(
            "wrong",
            f"the variable {source.url_env} is not set: set it to Dify's database URL, "
            "postgresql://reader:password@host:5432/dify",
        )
        return
    try:
        found = _mysql(source, url) if is_mysql_url(url) else _postgres(url)
    except SourceError as error:
        yield Examined("wrong", str(error))
        return
    yield Examined("ok", "a Dify database that can be read")
    yield extent_finding(found.extent, found.schema.like_version)
    if found.schema.missing:
        yield Examined("warning", f"lacks {', '.join(found.schema.missing)}: counted without")
    for words in found.schema.lost.values():
        yield Examined("warning", f"the role {words}")
    for table in found.schema.filtered:
        yield Examined("warning", filtered_words(table))
    if not found.schema.app_log_by_run and "workflow_app_logs" not in found.schema.lost:
        yield Examined("warning", "workflow_app_logs has no index on workflow_run_id: callers are attributed by user")
    if found.unindexed:
        yield Examined(
            "warning",
            f"no index on created_at of {', '.join(found.unindexed)}: each pass reads the "
            "table whole; upgrade Dify, or read from a replica and raise schedule.every_minutes",
        )
    if found.writable:
        named = ", ".join(found.writable[:3]) + (" …" if len(found.writable) > 3 else "")
        yield Examined(
            "wrong",
            f"the role may write to {named}: use a role with SELECT only (README, 'Connect a real Dify'); "
            "we never write, but a password that can is worth stealing",
        )
    if found.zone:
        yield Examined("ok", f"times that the database makes by itself are read as {found.zone}")
    bound = timedelta(minutes=settings.reading.replica_behind_minutes)
    yield from server_findings(found.clock, found.replica, bound)
    yield from pooler_findings(found.pooling)


def _postgres(url: str) -> _Database:
    reader = PostgresReader(url, statement_timeout=_TIMEOUT)
    try:
        with reader.reading() as dify:
            clock = value(dify, datetime, "SELECT clock_timestamp()")
            schema, writable = read_schema(dify), writable_tables(dify)
        found = _quick(lambda: postgres_extent(reader, runs_by_time=schema.run_by_time))
        return _Database(schema, writable, clock, reader.replica(), reader.pooling(), None, (), found)
    except psycopg.Error as error:
        raise SourceError(f"cannot be read: {str(error).splitlines()[0]}; grant SELECT on Dify's tables") from None
    finally:
        reader.close()


def _mysql(source: SourceSettings, url: str) -> _Database:
    opened = DifyMysql(source.id, url, statement_timeout=_TIMEOUT, database_timezone=source.database_timezone)
    try:
        writable = tables_it_may_write(opened.reader)
        clock, replica, zone = opened.clock(), opened.replica(), str(opened.zone)
        found = _quick(lambda: mysql_extent(opened.reader, opened.zone.to_utc, runs_by_time=opened.schema.run_by_time))
        return _Database(opened.schema, writable, clock, replica, Pooling.DIRECT, zone, opened.unindexed, found)
    finally:
        opened.close()


def _quick(look: Callable[[], Extent]) -> Extent | None:
    """Returns what was found; None where the tables are too large to be looked through in time, or rights lack."""
    try:
        return look()
    except (psycopg.Error, SourceError):
        return None


DRIVER = Driver(open_source, examine)
