"""A Dify whose database cannot be reached, through its console API."""

import time
from collections.abc import Iterator

from usage_pipeline.console.access import console_access
from usage_pipeline.console.client import Console
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, home_dir
from usage_pipeline.sources.base import Driver, Examined, Source, SourceError
from usage_pipeline.sources.dify_api.source import DifyApi
from usage_pipeline.sources.watchdog import heard_from_source

__all__ = ["DRIVER", "DifyApi"]


def _open(source: SourceSettings, settings: Settings) -> Source:  # noqa: ARG001  (all kinds take both)
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


def _examine(source: SourceSettings, settings: Settings) -> Iterator[Examined]:  # noqa: ARG001  (all kinds take both)
    """Nothing: doctor looks at every console that is configured, also at one of a Dify that is read by its database."""
    yield from ()


DRIVER = Driver(_open, _examine)
