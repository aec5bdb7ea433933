"""Opens the source that a configuration names: one line a kind."""

from collections.abc import Callable
from datetime import timedelta

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, secret
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.mysql_connection import is_mysql_url
from usage_pipeline.sources.seam import Source, SourceError


def _dify(source: SourceSettings, settings: Settings, url: str) -> Source:
    timeout = timedelta(seconds=settings.lookback.statement_timeout_seconds)
    if is_mysql_url(url):
        zone = source.database_timezone
        return DifyMysql(source.id, url, statement_timeout=timeout, database_timezone=zone)
    return DifyPostgres(source.id, url, statement_timeout=timeout)


_KINDS: dict[str, Callable[[SourceSettings, Settings, str], Source]] = {
    "dify": _dify,
}


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects to a source. Raises SourceError that says what is wrong and what to do."""
    try:
        url = secret(source.url_env, f"source {source.id!r}")
    except MissingSecretError as error:
        raise SourceError(f"{error}: set it to Dify's database, postgresql://reader:password@host:5432/dify or "
                          "mysql://reader:password@host:3306/dify") from None  # fmt: skip
    return _KINDS[source.kind](source, settings, url)
