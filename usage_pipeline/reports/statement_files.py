"""Writes the statements of a month: as CSV for machines, as a workbook and a PDF for people, each file whole."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from usage_pipeline.reports.chargeback import Statement, chargeback, write_statement
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import month_of
from usage_pipeline.reports.files import atomically, file_name
from usage_pipeline.reports.statement_pdf import check_pdf_installed, write_statement_pdf
from usage_pipeline.reports.statement_terms import Terms, tenant_prices, terms_of
from usage_pipeline.reports.statement_workbook import write_statement_workbook
from usage_pipeline.settings import Settings
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.warehouse.connection import Connection

_LOG = logging.getLogger(__name__)
Write = Callable[[Statement, Terms, Path], object]


@dataclass(frozen=True)
class WrittenStatement:
    """A tenant's statement and its files, the CSV first."""

    statement: Statement
    files: list[Path]


def write_statements(
    connection: Connection, settings: Settings, month: date, folder: Path, tenant: Tenant | None = None
) -> list[WrittenStatement]:
    """Writes each tenant's statement of the month into the folder, or one's; returns them with their files.

    Without the extra `pdf` there are no PDFs, which the log says. Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers = _writers()
    prices = tenant_prices(connection, month_of(month), tenant)
    written = []
    for found in chargeback(connection, month, settings.currency, tenant):
        whose = found.tenant
        terms = terms_of(settings, whose, found.period, prices)
        name = f"chargeback-{found.period.first:%Y-%m}-{file_name(whose.name, f'{whose.source}/{whose.tenant_id}')}"
        files = [folder / f"{name}{ending}" for ending in writers]
        for path, write in zip(files, writers.values(), strict=True):
            atomically(path, partial(write, found, terms))
        written.append(WrittenStatement(found, files))
    return written


def _writers() -> dict[str, Write]:
    """What writes a statement, by the ending of its file."""
    found: dict[str, Write] = {
        ".csv": lambda statement, _, path: write_statement(statement, path),
        ".xlsx": write_statement_workbook,
    }
    try:
        check_pdf_installed()
    except MissingExtraError as error:
        _LOG.warning("the statements are written without PDF: %s", error)
        return found
    return {**found, ".pdf": write_statement_pdf}
