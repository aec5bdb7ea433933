"""Reads every source that the configuration names; each fails alone."""

from collections.abc import Callable

import psycopg

from usage_pipeline.ingest.read_source import IngestResult, Progress, read_source
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.sources.registry import open_source
from usage_pipeline.sources.seam import SourceError
from usage_pipeline.warehouse.connection import Connection

_LONGEST_ERROR = 2_000


def read_every_source(
    connection: Connection,
    settings: Settings,
    *,
    sweep: bool,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[list[IngestResult], dict[str, str]]:
    """Gives what was read, and by source what went wrong, in words that hold no secret.

    Raises psycopg.OperationalError only when the warehouse itself is lost.
    """
    results: list[IngestResult] = []
    errors: dict[str, str] = {}
    for source in settings.sources:
        try:
            results.append(_read_one(connection, source, settings, sweep, progress))
        except (SourceError, psycopg.Error) as error:
            if connection.closed:
                raise
            errors[source.id] = f"source {source.id!r}: {_words(error)}"
            _note_failure(connection, source, errors[source.id])
    return results, errors


def _read_one(
    connection: Connection,
    source: SourceSettings,
    settings: Settings,
    sweep: bool,
    progress: Callable[[Progress], None] | None,
) -> IngestResult:
    opened = open_source(source, settings)
    try:
        return read_source(connection, opened, settings, sweep=sweep, progress=progress)
    finally:
        opened.close()


def _words(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"{text}; the source was too slow: raise lookback.statement_timeout_seconds or read from a replica"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{text}; grant SELECT on Dify's tables to the role (README, 'Connect a real Dify')"
    return text


def _note_failure(connection: Connection, source: SourceSettings, error: str) -> None:
    connection.execute(
        "INSERT INTO usage.source_state (source, kind, last_pass_at, last_error) VALUES (%s, %s, now(), %s)"
        " ON CONFLICT (source) DO UPDATE SET last_pass_at = now(), last_error = excluded.last_error",
        [source.id, source.kind, error[:_LONGEST_ERROR]],
    )
