"""Opens the source that a configuration names: one line a kind."""

from collections.abc import Callable
from datetime import timedelta

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, secret
from usage_pipeline.sources.completion_logs import CompletionLogs
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.seam import Source, SourceError


def _dify(source: SourceSettings, settings: Settings, url: str) -> Source:
    timeout = timedelta(seconds=settings.lookback.statement_timeout_seconds)
    return DifyPostgres(source.id, url, statement_timeout=timeout)


def _completion_logs(source: SourceSettings, settings: Settings, url: str) -> Source:
    return CompletionLogs(
        source.id,
        url,
        table=source.table or "completion_logs",
        columns=source.columns,
        zone=source.timezone or "UTC",
        currency=source.currency or settings.currency,
        statement_timeout=timedelta(seconds=settings.lookback.statement_timeout_seconds),
    )


_EXAMPLES = {
    "dify": "Dify's database, postgresql://reader:password@host:5432/dify",
    "completion_logs": "the log's database, postgresql://reader:password@host:5432/gateway or sqlite:////path/to/log.db",
}
_KINDS: dict[str, Callable[[SourceSettings, Settings, str], Source]] = {
    "dify": _dify,
    "completion_logs": _completion_logs,
}


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects to a source. Raises SourceError that says what is wrong and what to do."""
    try:
        url = secret(source.url_env, f"source {source.id!r}")
    except MissingSecretError as error:
        raise SourceError(f"{error}: set it to {_EXAMPLES[source.kind]}") from None
    return _KINDS[source.kind](source, settings, url)
