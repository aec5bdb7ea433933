"""A completion log: any table with a row a call."""

from collections.abc import Iterator
from datetime import timedelta

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.sources import LogColumns
from usage_pipeline.sources.base import Driver, Examined, SourceError, url_of
from usage_pipeline.sources.completion_logs.source import CompletionLogs
from usage_pipeline.sources.server_findings import replica_finding

__all__ = ["DRIVER", "CompletionLogs"]


def _open(source: SourceSettings, settings: Settings) -> CompletionLogs:
    return CompletionLogs(
        source.id,
        url_of(
            source, "the log's database, postgresql://reader:password@host:5432/gateway or sqlite:////path/to/log.db"
        ),
        table=source.table or "completion_logs",
        columns=source.columns,
        zone=source.timezone or "UTC",
        currency=source.currency or settings.currency,
        statement_timeout=timedelta(seconds=settings.lookback.statement_timeout_seconds),
    )


def _examine(source: SourceSettings, settings: Settings) -> Iterator[Examined]:
    """The table, its columns, its times and its indexes."""
    try:
        opened = _open(source, settings)
    except SourceError as error:
        yield Examined("wrong", str(error))
        return
    try:
        columns = ", ".join((source.columns or LogColumns()).named())
        yield Examined("ok", f"a completion log that can be read: {columns}")
        for _, _, detail in opened.problems():
            yield Examined("warning", detail)
        if replica := opened.replica():
            yield replica_finding(replica, timedelta(minutes=settings.reading.replica_behind_minutes))
    except SourceError as error:
        yield Examined("wrong", str(error))
    finally:
        opened.close()


DRIVER = Driver(_open, _examine)
