"""Writes the report as a workbook: a summary to read and print, a sheet a table, and data for pivot tables."""

from collections.abc import Iterator
from pathlib import Path

from xlsxwriter import Workbook

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.formats.xlsx_sheets import Paper, table_sheet
from usage_pipeline.reports.formats.xlsx_styles import EXACT, Styles
from usage_pipeline.reports.formats.xlsx_summary import story_sheet, summary_sheet
from usage_pipeline.reports.formats.xlsx_words import in_words
from usage_pipeline.reports.tables import Table, data_table, tables
from usage_pipeline.reports.words import words

__all__ = ["EXACT", "FORMAT", "write_xlsx"]

# In the order in which they are read; the first are printed, the others are for looking things up and for pivots.
_PRINTED = ("budgets", "tenant", "project", "model", "movers", "prices")
_LONGEST_NAME = 31
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_xlsx(report: Report, language: str, path: Path) -> None:
    """Writes the workbook. Sheet and column names are in the language, numbers are numbers, names are text."""
    text = words(language)
    with Workbook(str(path), _OPTIONS) as book:
        book.set_properties({"title": f"{text['title']} {report.edition.name}"})
        styles = Styles(book, report.currency, language)
        whose = report.tenant.name if report.tenant else text["all_tenants"]
        paper = Paper(f"{text['title']} {report.edition.name} · {whose}")
        # The summary stands first; what its chart is drawn from comes after it.
        summary = book.add_worksheet(text["summary"])
        summary_sheet(book, summary, report, language, styles, paper)
        story_sheet(book.add_worksheet(text["table_story"][:_LONGEST_NAME]), report, language, styles, paper)
        for table in _sheets(report, language):
            sheet = book.add_worksheet(text[f"table_{table.name}"][:_LONGEST_NAME])
            foot = table_sheet(sheet, in_words(table, language), report.zone, styles, text)
            paper.lay_out(sheet, printed=table.name in _PRINTED, foot=foot)


def _sheets(report: Report, language: str) -> Iterator[Table]:
    """The tables that have a sheet: those that are printed first, of the others those that have rows, the data last."""
    every = {table.name: table for table in tables(report) if not table.detail}
    yield from (every.pop(name) for name in _PRINTED)
    always = {*report.spent, "trend"}
    yield from (table for table in every.values() if table.rows or table.name in always)
    yield data_table(report, words(language)["rest_of_data"])


FORMAT = FormatWriter(".xlsx", write_xlsx)
