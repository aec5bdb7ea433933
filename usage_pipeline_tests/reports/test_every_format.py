"""What every format keeps: its sums are those of usage.daily_usage, and no name in it does anything or is another's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from usage_pipeline.reports import formats
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.formats.html import html
from usage_pipeline.reports.formats.registry import writer_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.media_types import is_known
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.settings.schema import json_schema
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.report_books import ACME, AFTERWARDS, DAY, SETTINGS
from usage_pipeline_tests.support.report_formats import READ_BACK

every_format = pytest.mark.parametrize("wanted", ReportFormat)


def written(report: Report, wanted: ReportFormat, folder: Path, language: str = "en") -> Path:
    """The report's file."""
    (path,) = write_report(report, [wanted], folder, language)
    return path


def test_every_module_of_a_format_is_named_and_read_back() -> None:
    (folder,) = map(Path, formats.__path__)
    modules = {path.stem for path in folder.glob("*.py") if "\nFORMAT = " in path.read_text(encoding="utf-8")}
    assert modules == set(ReportFormat) == set(READ_BACK)
    endings = [writer_of(name).ending for name in ReportFormat]
    assert len(set(endings)) == len(endings)
    assert not [a for a in endings for b in endings if a != b and a.endswith(b)], "a file's ending names its format"
    assert [ending for ending in endings if not is_known(ending)] == [], "a mail says what its files are"


def test_the_schema_for_editors_offers_every_format() -> None:
    assert json_schema()["$defs"]["ReportFormat"]["enum"] == list(ReportFormat)  # type: ignore[index]


@every_format
def test_its_sums_are_those_of_the_daily_table(
    wanted: ReportFormat, books: Connection, report: Report, tmp_path: Path
) -> None:
    truth = sums(books, DAY, DAY)
    found = READ_BACK[wanted].sums(written(report, wanted, tmp_path))
    assert found == {"calls": truth.calls, "total_tokens": truth.total_tokens, "base_cost": truth.base_cost}


@every_format
def test_no_cell_begins_a_formula(wanted: ReportFormat, books: Connection, tmp_path: Path) -> None:
    month = make_report(books, SETTINGS, edition_of("month", DAY), now=AFTERWARDS)
    read = READ_BACK[wanted]
    path = written(month, wanted, tmp_path)
    assert "HYPERLINK" in read.text(path), "the hostile names are there"
    for value in read.cells(path) if read.cells else ():
        if value.strip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝")):
            assert is_number(value), f"{value!r} begins a formula"


def is_number(value: str) -> bool:
    """Whether a spreadsheet takes it for a plain number."""
    try:
        return Decimal(value).is_finite() and not value.startswith("+")
    except InvalidOperation:
        return False


@every_format
def test_a_tenants_file_holds_nothing_of_others(wanted: ReportFormat, books: Connection, tmp_path: Path) -> None:
    own = make_report(books, SETTINGS, edition_of("day", DAY), tenant=find_tenant(books, ACME), now=AFTERWARDS)
    text = READ_BACK[wanted].text(written(own, wanted, tmp_path, "zh"))
    assert "ACME" in text
    assert not [other for other in ("tenant-b", "Globex") if other in text]


@every_format
def test_a_day_without_usage_is_a_report_too(wanted: ReportFormat, books: Connection, tmp_path: Path) -> None:
    empty = make_report(books, SETTINGS, edition_of("day", date(2025, 1, 1)), now=AFTERWARDS)
    assert set(READ_BACK[wanted].sums(written(empty, wanted, tmp_path)).values()) == {Decimal(0)}


# A workbook keeps the time at which it was made.
@pytest.mark.parametrize("wanted", [name for name in ReportFormat if name != ReportFormat.XLSX])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_same_report_makes_the_same_file(
    wanted: ReportFormat, language: str, report: Report, tmp_path: Path
) -> None:
    files: Sequence[Path] = [
        path for name in ("1", "2") for path in write_report(report, [wanted], tmp_path / name, language)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_says_its_own_currency_whatever_was_said_before(language: str, report: Report) -> None:
    signs = {"CNY": {"en": "CN¥", "zh": "¥"}, "EUR": {"en": "€", "zh": "€"}}
    for currency, sign in signs.items():
        page = html(replace(report, currency=currency), language)
        assert f"</i> {sign[language]}{report.month.forecast:,.2f} " in page
