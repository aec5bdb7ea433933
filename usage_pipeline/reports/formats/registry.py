"""Finds the writer of a format by its name; base.py says how one is added."""

from collections.abc import Iterable
from importlib import import_module

from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.settings.reports import ReportFormat


def writer_of(name: ReportFormat) -> FormatWriter:
    """Returns the format's writer. Its module is imported only now: a page needs no spreadsheet library."""
    found: object = import_module(f"{__package__}.{name}").FORMAT
    if not isinstance(found, FormatWriter):
        raise TypeError(f"FORMAT of {__package__}.{name} is no FormatWriter")
    return found


def writers(names: Iterable[ReportFormat]) -> dict[ReportFormat, FormatWriter]:
    """Returns the writers of the formats, each once, in that order.

    Raises MissingExtraError, before anything is written, when one needs a package that is not installed.
    """
    found = {name: writer_of(name) for name in names}
    for name, writer in found.items():
        writer.check_installed(name)
    return found
