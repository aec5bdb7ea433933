"""Opens the source that a configuration names: one line a kind."""

import time
from collections.abc import Callable
from datetime import timedelta

from usage_pipeline.console.access import console_access
from usage_pipeline.console.client import Console
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, home_dir, secret
from usage_pipeline.sources.base import Source, SourceError
from usage_pipeline.sources.completion_logs import CompletionLogs
from usage_pipeline.sources.dify_api import DifyApi
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.mysql_url import is_mysql_url
from usage_pipeline.sources.watchdog import heard_from_source


def _dify(source: SourceSettings, settings: Settings) -> Source:
    url = _url(source, "Dify's database, postgresql://reader:password@host:5432/dify or mysql://...:3306/dify")
    timeout = timedelta(seconds=settings.lookback.statement_timeout_seconds)
    if is_mysql_url(url):
        zone = source.database_timezone
        return DifyMysql(source.id, url, statement_timeout=timeout, database_timezone=zone)
    return DifyPostgres(source.id, url, statement_timeout=timeout)


def _dify_api(source: SourceSettings, settings: Settings) -> Source:  # noqa: ARG001  (every kind is given both)
    if source.console is None:
        raise SourceError(f"source {source.id!r} has no console")
    try:
        access = console_access(source.console, f"source {source.id!r}")
    except (MissingSecretError, ValueError) as error:
        raise SourceError(str(error)) from None
    console = Console(access, refusals=home_dir() / "console_refusals", sleep=_wait_aloud)
    return DifyApi(source.id, console, calls_per_pass=source.console.calls_per_pass)


def _wait_aloud(seconds: float) -> None:
    """Waits for a console that asked for it: it is slow, not silent."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        heard_from_source()
        time.sleep(min(left, 5.0))


def _completion_logs(source: SourceSettings, settings: Settings) -> Source:
    return CompletionLogs(
        source.id,
        _url(source, "the log's database, postgresql://reader:password@host:5432/gateway or sqlite:////path/to/log.db"),
        table=source.table or "completion_logs",
        columns=source.columns,
        zone=source.timezone or "UTC",
        currency=source.currency or settings.currency,
        statement_timeout=timedelta(seconds=settings.lookback.statement_timeout_seconds),
    )


def _url(source: SourceSettings, example: str) -> str:
    try:
        return secret(source.url_env, f"source {source.id!r}")
    except MissingSecretError as error:
        raise SourceError(f"{error}: set it to {example}") from None


_KINDS: dict[str, Callable[[SourceSettings, Settings], Source]] = {
    "dify": _dify,
    "dify_api": _dify_api,
    "completion_logs": _completion_logs,
}


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects to a source. Raises SourceError that says what is wrong and what to do."""
    return _KINDS[source.kind](source, settings)
