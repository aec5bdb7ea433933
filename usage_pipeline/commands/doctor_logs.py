"""What `usage-pipeline doctor` looks at in a completion log."""

from collections.abc import Iterator

from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.completion_logs import LogColumns
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.registry import open_source


def look_at_log(source: SourceSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    """A state and what it says, for each thing looked at: the table, its columns, its times and its indexes."""
    try:
        opened = open_source(source, settings)
    except SourceError as error:
        yield "wrong", str(error)
        return
    try:
        columns = ", ".join((source.columns or LogColumns()).named())
        yield "ok", f"a completion log that can be read: {columns}"
        for _, _, detail in opened.problems():
            yield "warning", detail
    except SourceError as error:
        yield "wrong", str(error)
    finally:
        opened.close()
