"""What a format of the report is, and the steps to add one.

1. Write `usage_pipeline/reports/formats/<name>.py` with a constant `FORMAT = FormatWriter(...)`. It writes a `Report`
   (reports/document.py) or its tables (reports/tables.py) into the path that it is handed; `reports/files.py` puts the
   file into its place when it is whole. Names of people and projects come from outside: pass them through
   `reports/cells.py`. What only this format needs is an extra of pyproject.toml: name it in `requires`, and import it
   in the function that uses it.
   Its ending's media type stands in `reports/media_types.py`, for mail.
2. Add a line `<NAME> = "<name>"` to `ReportFormat` (usage_pipeline/settings/reports.py). The configuration, its
   JSON Schema (`python -m usage_pipeline.settings.schema` writes it) and `usage-pipeline report --format` take it from
   there.
3. Add a line to `READ_BACK` (usage_pipeline_tests/support/report_formats.py): how the file's sums and its cells are
   read. The tests of usage_pipeline_tests/reports/test_every_format.py then ask of it what they ask of each format:
   sums equal to usage.daily_usage, no cell that begins a formula, nothing of another tenant, a day without usage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from usage_pipeline.reports.document import Report
from usage_pipeline.settings.extras import need


@dataclass(frozen=True)
class Requirement:
    """A package that only this format needs, and the extra of pyproject.toml that installs it."""

    module: str
    extra: str


Write = Callable[[Report, str, Path], object]


@dataclass(frozen=True)
class FormatWriter:
    """How a report is written in one format.

    ``write`` takes the report, the language (zh or en) and the path of the file. ``ending`` is the file's, unlike that
    of every other format. ``former`` has what writes former versions of the format, by their names.
    """

    ending: str
    write: Write
    requires: Requirement | None = None
    former: Mapping[str, Write] = field(default_factory=dict)

    def of_version(self, version: str | None) -> Write:
        """Returns what writes a version of the format; the newest for None, and for what is no former one."""
        return self.former.get(version or "", self.write)

    def check_installed(self, name: str) -> None:
        """Raises MissingExtraError when the package that the format needs is not installed."""
        if self.requires:
            need(self.requires.module, self.requires.extra, f"the format {name}")
