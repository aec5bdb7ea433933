"""Opens the source that a configuration names: one line a kind."""

from collections.abc import Callable
from datetime import timedelta

from usage_pipeline.console.access import console_access
from usage_pipeline.console.client import Console
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, home_dir, secret
from usage_pipeline.sources.dify_api import DifyApi
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_postgres import DifyPostgres
from usage_pipeline.sources.mysql_connection import is_mysql_url
from usage_pipeline.sources.seam import Source, SourceError


def _dify(source: SourceSettings, settings: Settings) -> Source:
    try:
        url = secret(source.url_env, f"source {source.id!r}")
    except MissingSecretError as error:
        raise SourceError(f"{error}: set it to Dify's database, postgresql://reader:password@host:5432/dify or "
                          "mysql://reader:password@host:3306/dify") from None  # fmt: skip
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
    console = Console(access, refusals=home_dir() / "console_refusals")
    return DifyApi(source.id, console, calls_per_pass=source.console.calls_per_pass)


_KINDS: dict[str, Callable[[SourceSettings, Settings], Source]] = {
    "dify": _dify,
    "dify_api": _dify_api,
}


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects to a source. Raises SourceError that says what is wrong and what to do."""
    return _KINDS[source.kind](source, settings)
