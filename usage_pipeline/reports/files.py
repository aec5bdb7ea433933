"""Writes a report's files into a folder, each whole or not at all."""

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from usage_pipeline.report_store import keep, reports_root
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.registry import writers
from usage_pipeline.settings.reports import ReportFormat

_LONGEST_NAME = 60


def reports_folder(report: Report) -> Path:
    """Returns USAGE_PIPELINE_HOME/reports/<edition>/."""
    return reports_root() / report.edition.name


def write_report(
    report: Report,
    formats: Sequence[ReportFormat],
    folder: Path,
    language: str,
    versions: Mapping[ReportFormat, str] | None = None,
) -> list[Path]:
    """Returns the files of the formats asked for, in that order; a file that was there is replaced in one step.

    ``versions`` are of formats that have several; left out: the newest of each. Raises MissingExtraError when a format
    needs what is not installed (nothing is written then), and OSError when the folder cannot be written.
    """
    wanted = writers(formats)
    folder.mkdir(parents=True, exist_ok=True)
    name = base_name(report)
    written = []
    for wish, writer in wanted.items():
        path = folder / f"{name}{writer.ending}"
        atomically(path, partial(writer.of_version((versions or {}).get(wish)), report, language))
        written.append(path)
    return written


def base_name(report: Report) -> str:
    """Returns the files' name without ending: the edition, and the tenant where the report is one tenant's."""
    whose = report.tenant
    if whose is None:
        return f"usage-{report.edition.name}"
    return f"usage-{report.edition.name}-{file_name(whose.name, f'{whose.source}/{whose.tenant_id}')}"


def file_name(text: str, key: str) -> str:
    """Returns a name that cannot leave its folder: letters, digits and hyphens of the text, and a hash of the key."""
    words = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", text), flags=re.UNICODE).strip("-_")
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    return f"{words[:_LONGEST_NAME] or 'tenant'}-{digest}"


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file and then puts it in its place: who reads sees the old file or the new one, whole.

    A report goes into the object store, too, where there is one (usage_pipeline/report_store.py).
    """
    handle, beside = tempfile.mkstemp(prefix=".being-written-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    place = Path(beside)
    try:
        write(place)
        place.chmod(0o640)
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)
    keep(path)
