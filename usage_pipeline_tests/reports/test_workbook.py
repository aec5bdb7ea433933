"""The workbook as finance opens and prints it: a summary with chart and colours, money with its currency, few pages."""

from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.formats.xlsx_sheets import _NOTHING
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.numbers import money
from usage_pipeline.reports.tables import data_table
from usage_pipeline.reports.words import words
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline_tests.support.office import as_pdf, needs_office, pictures

# Printed: the summary, the story, budgets, tenants, projects, models, movers and prices.
MOST_PAGES = 8


@pytest.fixture(scope="module")
def file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day's workbook in Chinese."""
    return write_report(report, [ReportFormat.XLSX], tmp_path_factory.mktemp("books"), "zh")[0]


@pytest.fixture(scope="module")
def book(file: Path) -> Workbook:
    """The same, opened."""
    return openpyxl.load_workbook(file)


def test_the_summary_says_it_in_sentences_with_a_chart_and_coloured_budgets(book: Workbook, report: Report) -> None:
    sheet = book[words("zh")["summary"]]
    assert [sheet.cell(row, 1).value for row in (3, 4, 5)] == list(headline(report, "zh").sentences)
    assert len(sheet._charts) == 1
    rules = [rule.type for found in sheet.conditional_formatting for rule in found.rules]
    assert {"cellIs", "dataBar"} <= set(rules)
    trend = book[words("zh")["table_trend"]]
    (series,) = sheet._charts[0].series
    column = series.val.numRef.f.split("$")[1]
    assert trend[f"{column}1"].value == words("zh")["base_cost"]


def test_money_has_its_currency(book: Workbook, report: Report) -> None:
    text = words("zh")
    sheet = book[text["table_project"]]
    at = [cell.value for cell in sheet[1]].index(text["base_cost"]) + 1
    assert sheet.cell(2, at).number_format == '"¥"#,##0.00'


def test_no_code_word_stands_in_it(book: Workbook) -> None:
    cells = {str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value}
    codes = {
        "(shared)",
        "(none)",
        "(unknown)",
        "(no node)",
        "unpriced",
        "unattributed",
        "day_before",
        "warning",
        "shared",
    }
    assert cells & codes == set()
    assert "黄色预警" in cells, "there was something that could be a code"


def test_sheets_print_across_with_heads_that_repeat(book: Workbook) -> None:
    text = words("zh")
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9), sheet.title
        assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.print_area, sheet.title
        if sheet.title != text["summary"]:
            assert sheet.print_title_rows == "$1:$1", sheet.title
    empty = book[text["table_data"]].print_area
    assert "GS" in empty and _NOTHING[1] == 200, "the data are for pivots, not for paper"


def test_a_printed_sheet_says_what_it_leaves_out_and_the_totals_of_all(
    report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("usage_pipeline.reports.formats.xlsx_sheets._PRINTED_ROWS", 2)
    (few,) = write_report(report, [ReportFormat.XLSX], tmp_path, "en")
    foot = str(openpyxl.load_workbook(few)[words("en")["table_project"]].oddFooter.left.text)
    assert foot.startswith(f"{len(report.spent['project']) - 2} more rows in this sheet"), foot
    assert f"Cost {money(report.totals.base_cost, 2)}" in foot and len(foot) < 220


def test_a_sheet_that_fits_has_no_foot(book: Workbook) -> None:
    assert book[words("zh")["table_tenant"]].oddFooter.left.text is None


def test_the_data_are_all_rows_and_what_is_too_much_stands_together(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(data_table(report, "rest").rows) == len(report.rows)
    monkeypatch.setattr("usage_pipeline.reports.tables.DATA_ROWS", 3)
    few = data_table(report, "rest")
    assert len(few.rows) == 3
    for column in (column for column in few.columns if column.total):
        every = sum(getattr(row, column.name) for row in report.rows)
        assert sum(column.value(row) for row in few.rows) == every, column.name  # type: ignore[misc]


class TestOnPaper:
    """What LibreOffice makes of it."""

    pytestmark = needs_office

    def test_it_prints_on_few_pages(self, file: Path, tmp_path: Path) -> None:
        pages = pictures(as_pdf(file, tmp_path), tmp_path / "pages")
        assert 3 <= len(pages) <= MOST_PAGES
