"""What single formats keep: a page's sums before any script, a workbook's formulas, FOCUS's columns, whole files."""

import csv
import json
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from pyarrow import parquet

from usage_pipeline.reports.cells import cell
from usage_pipeline.reports.document import Report, Tenant
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import atomically, base_name, file_name, write_report
from usage_pipeline.reports.formats.page_figures import key_figures_of
from usage_pipeline.reports.formats.page_rows import HALF
from usage_pipeline.reports.formats.xlsx import EXACT
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.measures import Measures
from usage_pipeline.reports.numbers import change
from usage_pipeline.reports.words import _WORDS, words
from usage_pipeline.settings.reports import FOCUS_VERSIONS, ReportFormat
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.focus_columns import column_faults, row_faults
from usage_pipeline_tests.support.report_books import AFTERWARDS, DAY, HOSTILE, SETTINGS
from usage_pipeline_tests.support.report_formats import csv_tables, focus_rows, page_document

MEASURES = ("calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "unpriced_tokens")


@pytest.fixture(scope="module")
def files(report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The day's report in every format; tests only read them."""
    folder = tmp_path_factory.mktemp("files")
    return dict(zip(ReportFormat, write_report(report, tuple(ReportFormat), folder, "en"), strict=True))


@pytest.fixture
def truth(books: Connection) -> Measures:
    """The day's sums, straight from usage.daily_usage."""
    return sums(books, DAY, DAY)


def test_the_page_carries_the_daily_table(files: dict[str, Path], truth: Measures) -> None:
    document = page_document(files["html"])
    columns = document["columns"]
    assert isinstance(columns, dict)
    whole = sum(high * HALF + low for high, low in zip(columns["cost_high"], columns["cost_low"], strict=True))
    assert Decimal(whole).scaleb(-int(str(document["scale"]))) == truth.base_cost
    assert {name: sum(columns[name]) for name in MEASURES} == {name: getattr(truth, name) for name in MEASURES}
    shown = re.search(r'id="total-cost" data-exact="([\d.]+)"', files["html"].read_text(encoding="utf-8"))
    assert shown and Decimal(shown[1]) == truth.base_cost, "and says the sum before any script runs"


@pytest.mark.parametrize("dimension", ["tenant", "environment", "project", "api_key", "user", "model", "node"])
def test_the_workbook_sums_to_the_daily_table(files: dict[str, Path], truth: Measures, dimension: str) -> None:
    text = words("en")
    sheet = openpyxl.load_workbook(files["xlsx"])[text[f"table_{dimension}"]]
    head = [str(value.value) for value in sheet[1]]
    rows = [dict(zip(head, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True) if row[0]]
    total = rows.pop()
    exact = text["base_cost"] + text[EXACT]
    assert sum((Decimal(str(row[exact])) for row in rows), Decimal(0)) == truth.base_cost
    assert Decimal(str(total[exact])) == truth.base_cost
    for name in MEASURES:
        assert sum(int(str(row[text[name]])) for row in rows) == getattr(truth, name)
        assert str(total[text[name]]).startswith("=SUM("), "totals are formulas"
    assert all(isinstance(row[text["base_cost"]], int | float) for row in rows), "amounts are numbers"
    assert (sheet.freeze_panes, bool(sheet.auto_filter.ref)) == ("B2", True)


def test_formulas_of_the_workbook_carry_their_values(files: dict[str, Path], truth: Measures) -> None:
    text = words("en")
    sheet = openpyxl.load_workbook(files["xlsx"], data_only=True)[text["table_project"]]
    last = [value.value for value in sheet[sheet.max_row]]
    at = [str(value.value) for value in sheet[1]].index(text["total_tokens"])
    assert last[at] == truth.total_tokens


def test_dates_of_the_workbook_are_dates(files: dict[str, Path], report: Report) -> None:
    sheet = openpyxl.load_workbook(files["xlsx"])[words("en")["table_trend"]]
    found = [row[0] for row in sheet.iter_rows(min_row=2, max_row=61, values_only=True)]
    assert found == [datetime(d.usage_date.year, d.usage_date.month, d.usage_date.day) for d in report.trend]  # noqa: DTZ001


def test_csv_sums_to_the_daily_table(files: dict[str, Path], truth: Measures) -> None:
    tables = csv_tables(files["csv"])
    for name in ("usage", "tenant", "project", "api_key", "user", "model", "node", "environment"):
        rows = tables[name]
        assert sum(Decimal(row["base_cost"]) for row in rows) == truth.base_cost, name
        assert {m: sum(int(row[m]) for row in rows) for m in MEASURES} == {m: getattr(truth, m) for m in MEASURES}


def test_parquet_sums_to_the_daily_table(files: dict[str, Path], truth: Measures) -> None:
    table = parquet.read_table(files["parquet"])
    assert sum(table["base_cost"].to_pylist()) == truth.base_cost
    assert {m: sum(table[m].to_pylist()) for m in MEASURES} == {m: getattr(truth, m) for m in MEASURES}
    assert str(table.schema.field("base_cost").type).startswith("decimal")
    assert {type(value) for value in table["usage_date"].to_pylist()} == {date}


@pytest.mark.parametrize("version", FOCUS_VERSIONS)
def test_focus_conforms_and_sums_to_the_daily_table(
    version: str, report: Report, truth: Measures, tmp_path: Path
) -> None:
    (path,) = write_report(report, [ReportFormat.FOCUS], tmp_path, "en", {ReportFormat.FOCUS: version})
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert list(column_faults(reader.fieldnames or [], version)) == []
    assert [fault for row in rows for fault in row_faults(row, version)] == []
    for cost in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert sum(Decimal(row[cost]) for row in rows) == truth.base_cost
    assert sum(int(row["ConsumedQuantity"]) for row in rows) == truth.total_tokens
    zones = {row["SubAccountId"]: row["ChargePeriodStart"] for row in rows}
    assert zones == {"tenant-a": "2026-03-16T16:00:00Z", "tenant-b": "2026-03-16T23:00:00Z"}, "a tenant's own day"


def test_what_has_no_price_is_null_where_focus_allows_it(files: dict[str, Path], truth: Measures) -> None:
    rows = focus_rows(files["focus"])
    unpriced = [row for row in rows if row["x_PriceState"] == "Unpriced"]
    assert unpriced and all(row["x_KnownCost"] == row["x_SourceCost"] == "" for row in unpriced)
    assert sum(int(row["x_UnpricedTokens"]) for row in unpriced) == truth.unpriced_tokens > 0
    assert sum(Decimal(row["x_KnownCost"]) for row in rows if row["x_KnownCost"]) == truth.base_cost


def test_a_price_in_another_currency_keeps_its_own(files: dict[str, Path], report: Report) -> None:
    dollars = [row for row in focus_rows(files["focus"]) if row["PricingCurrency"] == "USD"]
    expected = sum(row.cost for row in report.rows if row.currency == "USD")
    assert sum(Decimal(row["PricingCurrencyEffectiveCost"]) for row in dollars) == expected > 0
    assert {row["BillingCurrency"] for row in dollars} == {"CNY"}


def test_the_validator_of_focus_finds_faults(files: dict[str, Path]) -> None:
    row = focus_rows(files["focus"])[0]
    assert list(column_faults([c for c in row if c not in ("BilledCost", "InvoiceId")] + ["Bogus"])) == [
        "BilledCost is missing",
        "InvoiceId is missing",
        "Bogus is neither of FOCUS nor marked x_",
    ]
    for broken in ({"ServiceCategory": "LLM"}, {"BilledCost": "1e3"}, {"ProviderName": ""}, {"PricingCurrency": "$"}):
        assert list(row_faults({**row, **broken})), broken


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_folder(name: str, tmp_path: Path, report: Report) -> None:
    safe = file_name(name, "key")
    assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
    assert re.fullmatch(r"[\w-]+", safe) and len(safe.encode()) < 200
    assert not cell(name).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_two_tenants_of_one_name_do_not_share_a_file(report: Report) -> None:
    def named(tenant_id: str) -> str:
        return base_name(Report(**{**vars(report), "tenant": Tenant("main", tenant_id, "Sales", "UTC")}))

    assert named("a") != named("b")
    assert named("a") == named("a")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("yesterday's")

    def fail(place: Path) -> None:
        place.write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        atomically(path, fail)
    assert path.read_text() == "yesterday's"
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_the_page_and_the_workbook_of_a_day_without_usage_stand_there(books: Connection, tmp_path: Path) -> None:
    empty = make_report(books, SETTINGS, edition_of("day", date(2025, 1, 1)), now=AFTERWARDS)
    page, book = write_report(empty, [ReportFormat.HTML, ReportFormat.XLSX], tmp_path, "zh")
    assert 'id="total-cost" data-exact="0"' in page.read_text(encoding="utf-8")
    assert openpyxl.load_workbook(book).sheetnames


def test_key_figures_have_their_currency_and_how_they_changed(pages: dict[str, Path], report: Report) -> None:
    before = report.comparisons[0]
    for language, symbol in (("en", "CN¥"), ("zh", "¥")):
        figures = {figure.id: figure for figure in key_figures_of(report, language)}
        cost = figures["cost"]
        assert cost.shown == f"{symbol}{report.totals.base_cost:,.2f}" and cost.change == change(before.change)
        assert cost.rises == ("up" if report.totals.base_cost > before.base_cost else "down")
        assert figures["per-call"].shown.startswith(symbol) and figures["calls"].change
        assert len(cost.line.split()) == 30, "a point a day"
        assert cost.shown in pages[language].read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_code_word_stands_in_what_people_read(language: str, pages: dict[str, Path], report: Report) -> None:
    text = pages[language].read_text(encoding="utf-8")
    read = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    names = json.dumps(page_document(pages[language])["names"])
    assert {row.key_attribution for row in report.rows} >= {"shared"}, "there is something that could be a code"
    for code in ("(shared)", "(none)", "(unknown)", "pause_app", "not_over", " UTC", "unattributed"):
        assert code not in read and code not in names, code
    assert not [alert.alert_id for alert in report.alerts if f">{alert.alert_id}<" in read]


def test_every_word_is_there_in_both_languages() -> None:
    assert [name for name, (english, chinese) in _WORDS.items() if not (english.strip() and chinese.strip())] == []
