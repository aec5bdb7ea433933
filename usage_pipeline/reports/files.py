"""Writes a report's files into a folder, each whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from usage_pipeline.reports.csv_files import write_csv
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.focus import write_focus
from usage_pipeline.reports.html import write_html
from usage_pipeline.reports.parquet import write_parquet
from usage_pipeline.reports.safe_text import file_name
from usage_pipeline.reports.xlsx import write_xlsx
from usage_pipeline.settings.environment import home_dir

Format = Literal["html", "xlsx", "csv", "parquet", "focus"]
FORMATS: tuple[Format, ...] = ("html", "xlsx", "csv", "parquet", "focus")
_ENDINGS: dict[Format, str] = {
    "html": ".html",
    "xlsx": ".xlsx",
    "csv": ".csv.zip",
    "parquet": ".parquet",
    "focus": ".focus.csv",
}


def reports_folder(report: Report) -> Path:
    """USAGE_PIPELINE_HOME/reports/<edition>/."""
    return home_dir() / "reports" / report.edition.name


def write_report(report: Report, formats: Sequence[Format], folder: Path, language: str) -> list[Path]:
    """The files of the formats asked for, in that order; a file that was there is replaced in one step.

    Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = base_name(report)
    written = []
    for wanted in dict.fromkeys(formats):
        path = folder / f"{name}{_ENDINGS[wanted]}"
        atomically(path, lambda place, kind=wanted: _write(report, kind, place, language))  # type: ignore[misc]
        written.append(path)
    return written


def base_name(report: Report) -> str:
    """The files' name without ending: the edition, and the tenant where the report is one tenant's."""
    whose = report.tenant
    if whose is None:
        return f"usage-{report.edition.name}"
    return f"usage-{report.edition.name}-{file_name(whose.name, f'{whose.source}/{whose.tenant_id}')}"


def _write(report: Report, wanted: Format, path: Path, language: str) -> None:
    if wanted == "html":
        write_html(report, path, language)
    elif wanted == "xlsx":
        write_xlsx(report, path, language)
    elif wanted == "csv":
        write_csv(report, path)
    elif wanted == "parquet":
        write_parquet(report, path)
    else:
        write_focus(report, path)


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file and then puts it in its place: who reads sees the old file or the new one, whole."""
    handle, beside = tempfile.mkstemp(prefix=".being-written-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    place = Path(beside)
    try:
        write(place)
        place.chmod(0o640)
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)
