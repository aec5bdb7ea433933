"""A month's statements add up to the last decimal and to the cent, and each line leads down to its events."""

import csv
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.delivery.channels.mail import EmailRecipient
from usage_pipeline.reports.chargeback import CENT, Statement, StatementLine, chargeback, in_cents, write_statement
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.reports.statement_files import WrittenStatement, write_statements
from usage_pipeline.settings.model import TenantRule
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.statements import statement
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.office import needs_office, pdf_text, pictures
from usage_pipeline_tests.support.report_books import ACME, GLOBEX, SETTINGS

MARCH = date(2026, 3, 9)
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


@pytest.fixture
def statements(books: Connection) -> list[Statement]:
    """March's statements of all tenants."""
    return chargeback(books, MARCH, "CNY")


def test_all_tenants_together_are_the_daily_table(books: Connection, statements: list[Statement]) -> None:
    assert {found.tenant.tenant_id for found in statements} == {ACME, GLOBEX}
    assert sum(found.base_cost for found in statements) == sums(books, FIRST, LAST).base_cost


def test_each_statement_adds_up_to_the_cent(books: Connection, statements: list[Statement]) -> None:
    for found in statements:
        tenant = sums(books, FIRST, LAST, found.tenant.tenant_id)
        assert found.base_cost == tenant.base_cost
        assert found.amount == round(tenant.base_cost, 2)
        assert all(abs(line.amount - line.base_cost) < CENT for line in found.lines)
        assert sum(line.total_tokens for line in found.lines) == tenant.total_tokens


@given(st.lists(st.decimals(0, 10**6, places=9, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_cents_always_add_up(costs: list[Decimal]) -> None:
    lines = [StatementLine("s", "t", "T", "prod", "a", "A", None, None, 1, 1, 1, 2, 0, cost) for cost in costs]
    found = in_cents(lines)
    assert abs(sum(line.amount for line in found) - sum(costs)) <= CENT / 2
    assert all(abs(line.amount - line.base_cost) < CENT and line.amount % CENT == 0 for line in found)


def test_one_tenants_statement_holds_nothing_of_others(books: Connection, tmp_path: Path) -> None:
    (found,) = chargeback(books, MARCH, "CNY", find_tenant(books, ACME))
    assert {line.tenant_id for line in found.lines} == {ACME}
    write_statement(found, tmp_path / "s.csv")
    assert GLOBEX not in (tmp_path / "s.csv").read_text(encoding="utf-8-sig")


def test_the_file_adds_up_as_it_is_read(statements: list[Statement], tmp_path: Path) -> None:
    write_statement(statements[0], tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8-sig", newline="") as file:
        *rows, total = list(csv.DictReader(file))
    for name in ("amount", "base_cost", "total_tokens", "calls"):
        assert sum(Decimal(row[name]) for row in rows) == Decimal(total[name]), name


def test_each_line_leads_down_to_its_events(books: Connection, statements: list[Statement]) -> None:
    lines = [line for found in statements for line in found.lines if line.model]
    assert lines
    for line in lines[:: max(1, len(lines) // 15)]:
        cursor = books.execute(
            statement("reports/trace"),
            {
                "first": FIRST,
                "last": LAST,
                "source": line.source,
                "tenant_id": line.tenant_id,
                "app_id": line.app_id,
                "environment": line.environment,
                "api_key_id": "",
                "provider": line.provider,
                "model": line.model,
            },
        )
        names = [column.name for column in cursor.description or ()]
        events = [dict(zip(names, row, strict=True)) for row in cursor]
        assert sum(Decimal(str(event["base_cost"] or 0)) for event in events) == line.base_cost
        assert len(events) == line.calls


def test_a_months_total_leads_down_to_its_events(books: Connection) -> None:
    parameters = dict.fromkeys(("source", "tenant_id", "app_id", "environment", "api_key_id", "provider", "model"), "")
    cursor = books.execute(statement("reports/trace"), {"first": FIRST, "last": LAST, **parameters})
    at = [column.name for column in cursor.description or ()].index("base_cost")
    assert sum(Decimal(str(row[at] or 0)) for row in cursor) == sums(books, FIRST, LAST).base_cost


def test_a_month_without_usage_has_no_statement(books: Connection) -> None:
    assert chargeback(books, FIRST - timedelta(days=400), "CNY") == []


@pytest.fixture(scope="module")
def written(books_url: str, tmp_path_factory: pytest.TempPathFactory) -> list[WrittenStatement]:
    """March's statements as files, ACME's in Chinese since that is what its people read."""
    people = {"boss": EmailRecipient(channel="email", to=("boss@example.com",), language="zh")}
    rule = TenantRule(tenant=ACME, recipients=("boss",))
    settings = SETTINGS.model_copy(update={"recipients": people, "tenants": (rule,)})
    with connect(books_url) as connection:
        return write_statements(connection, settings, MARCH, tmp_path_factory.mktemp("statements"))


def test_the_workbook_of_a_statement_adds_up_by_formula(written: list[WrittenStatement]) -> None:
    for each in written:
        found, sheet = each.statement, openpyxl.load_workbook(each.files[1]).worksheets[0]
        *lines, total = list(sheet.iter_rows(min_row=6, values_only=True))[: len(found.lines) + 1]
        assert [Decimal(str(row[9])) for row in lines] == [line.base_cost for line in found.lines], (
            "to the last decimal"
        )
        assert sum(round(Decimal(str(row[8])), 2) for row in lines) == found.amount
        assert Decimal(str(total[9])) == found.base_cost and str(total[8]).startswith("=SUM(I6:I")
        assert sheet.print_title_rows == "$5:$5"


def test_a_statement_speaks_its_tenants_language(written: list[WrittenStatement]) -> None:
    titles = {
        each.statement.tenant.tenant_id: openpyxl.load_workbook(each.files[1]).worksheets[0]["A1"].value
        for each in written
    }
    assert titles == {ACME: "费用分摊账单", GLOBEX: "Chargeback statement"}


def test_without_its_extra_there_is_no_pdf_and_the_log_says_so(
    books: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    made = write_statements(books, SETTINGS, MARCH, tmp_path, find_tenant(books, ACME))
    assert [path.suffix for path in made[0].files] == [".csv", ".xlsx"]
    assert "pip install 'usage-pipeline[pdf]'" in caplog.text


class TestOnPaper:
    """What a reader sees of the PDF."""

    pytestmark = needs_office

    def test_the_pdf_has_pages_with_their_numbers(self, written: list[WrittenStatement], tmp_path: Path) -> None:
        assert len(pictures(written[0].files[2], tmp_path)) >= 2

    def test_the_pdf_says_the_sums_prices_and_rates(self, written: list[WrittenStatement]) -> None:
        for each in written:
            text = pdf_text(each.files[2])
            found = each.statement
            assert f"{found.base_cost:f} CNY" in text and f"¥{found.amount:,.2f}" in text
            assert "1 USD = 7.1 CNY (2020-01-01)" in text
            assert {ACME: "所用价格与汇率", GLOBEX: "Prices and exchange rates used"}[found.tenant.tenant_id] in text
            assert GLOBEX not in text if found.tenant.tenant_id == ACME else ACME not in text
