"""A month's statements add up to the last decimal and to the cent, and each line leads down to its events."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.reports.chargeback import CENT, Statement, StatementLine, chargeback, in_cents, write_statement
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.report_books import ACME, GLOBEX

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
