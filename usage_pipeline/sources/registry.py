"""Opens and examines the sources that a configuration names, each by the module of its kind."""

from collections.abc import Iterator
from importlib import import_module

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.sources.base import Driver, Examined, Source


def driver(kind: str) -> Driver:
    """Returns what opens sources of a kind: DRIVER of the module of that name, imported when it is first needed."""
    found: Driver = import_module(f"usage_pipeline.sources.{kind}").DRIVER
    return found


def open_source(source: SourceSettings, settings: Settings) -> Source:
    """Connects to a source. Raises SourceError that says what is wrong and what to do."""
    return driver(source.kind).open_source(source, settings)


def examine(source: SourceSettings, settings: Settings) -> Iterator[Examined]:
    """Yields what doctor finds in a source."""
    return driver(source.kind).examine(source, settings)
