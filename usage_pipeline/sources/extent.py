"""Says what a Dify database holds before it is read: workspaces, apps, first and last call, how long reading takes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from usage_pipeline.sources.base import Examined
from usage_pipeline.sources.dify_mysql.connection import MysqlReader
from usage_pipeline.sources.dify_postgres.connection import PostgresReader
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

# Half of what a first reading does on two cores: the source's own disk is seldom as quick as a test's.
_ROWS_A_SECOND = 4_000


@dataclass(frozen=True)
class Extent:
    """What is in a Dify: counts, the server's own estimate of the rows that are read, and its first and last call
    (aware UTC), None where there is none or no index to find it by."""

    workspaces: int
    apps: int
    row_estimate: int
    first_call: datetime | None
    last_call: datetime | None


@dataclass(frozen=True)
class _Found:
    """The same as the statements return it, with times without a zone."""

    workspaces: int
    apps: int
    row_estimate: int
    first_message: datetime | None
    last_message: datetime | None
    first_run: datetime | None
    last_run: datetime | None


def postgres_extent(reader: PostgresReader, *, runs_by_time: bool) -> Extent:
    """Returns what a PostgreSQL holds. Raises psycopg.Error when it takes too long."""
    with reader.reading() as connection:
        (found,) = rows(connection, _Found, statement("sources/dify_postgres/extent"), {"runs_by_time": runs_by_time})
    return _extent(found, _utc)


def mysql_extent(reader: MysqlReader, to_utc: Callable[[datetime], datetime], *, runs_by_time: bool) -> Extent:
    """Returns what a MySQL holds; ``to_utc`` reads the server's clock. Raises SourceError when it takes too long."""
    (found,) = reader.rows(_Found, statement("sources/dify_mysql/extent"), {"runs_by_time": runs_by_time})
    return _extent(found, to_utc)


def extent_finding(extent: Extent | None, like_version: str) -> Examined:
    """Returns a line on what was found."""
    if extent is None:
        return Examined("ok", f"its tables are those of Dify {like_version}; too large to look through in a moment")
    counts = f"{extent.workspaces:,} workspace(s), {extent.apps:,} app(s)"
    if extent.last_call is None or extent.first_call is None:
        calls = "no calls yet" if not extent.row_estimate else "no index tells when its calls were"
    else:
        calls = f"calls from {extent.first_call:%Y-%m-%d %H:%M} to {extent.last_call:%Y-%m-%d %H:%M} UTC"
    seconds = extent.row_estimate / _ROWS_A_SECOND
    lasts = "under a minute" if seconds < 60 else f"about {seconds / 60:,.0f} minutes"
    reading = f"about {extent.row_estimate:,} rows, whose first reading takes {lasts}"
    return Examined("ok", f"its tables are those of Dify {like_version}; {counts}; {calls}; {reading}")


def _extent(found: _Found, to_utc: Callable[[datetime], datetime]) -> Extent:
    """Messages carry the database's own clock, runs Dify's, which is UTC."""
    messages = [to_utc(moment) for moment in (found.first_message, found.last_message) if moment]
    runs = [_utc(moment) for moment in (found.first_run, found.last_run) if moment]
    calls = sorted(messages + runs)
    first, last = (calls[0], calls[-1]) if calls else (None, None)
    return Extent(int(found.workspaces), int(found.apps), int(found.row_estimate), first, last)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
