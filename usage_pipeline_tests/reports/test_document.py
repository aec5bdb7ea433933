"""The document says what the daily tables say, of whom it may, and whether that may still change."""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import Edition, ReportPeriod, edition_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.measures import Measures
from usage_pipeline.reports.movers import movers, why
from usage_pipeline.reports.savings import smaller_model
from usage_pipeline.reports.scope import NoSuchTenantError, find_tenant, tenants
from usage_pipeline.settings.model import SourceSettings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline_tests.support.report_books import ACME, AFTERWARDS, DAY, GLOBEX, LAST, SETTINGS

WEEK = edition_of("week", DAY)
MONTH = edition_of("month", DAY)


def sums(connection: Connection, first: date, last: date, tenant: str | None = None) -> Measures:
    """Straight from usage.daily_usage."""
    counts = [field.name for field in fields(Measures) if field.name != "base_cost"]
    columns = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in counts)
    found = row(
        connection,
        Measures,
        f"SELECT {columns}, coalesce(sum(base_cost), 0) AS base_cost FROM usage.daily_usage"
        " WHERE usage_date BETWEEN %s AND %s AND (%s::text IS NULL OR tenant_id = %s)".encode(),
        [first, last, tenant, tenant],
    )
    assert found is not None
    return found


@pytest.mark.parametrize("edition", [edition_of("day", DAY), WEEK, MONTH], ids=lambda edition: edition.kind)
def test_each_dimension_adds_up_to_the_daily_table(books: Connection, edition: Edition) -> None:
    report = make_report(books, SETTINGS, edition, now=AFTERWARDS)
    expected = sums(books, edition.period.first, edition.period.last)
    assert expected.calls and expected.base_cost, "the books are not empty"
    assert report.totals == expected
    for dimension, rows in report.spent.items():
        assert sum(row.base_cost for row in rows) == expected.base_cost, dimension
        assert sum(row.total_tokens for row in rows) == expected.total_tokens, dimension
    assert sum(row.base_cost for row in report.rows) == expected.base_cost


def test_a_tenants_report_holds_only_its_rows(books: Connection) -> None:
    for mine, other in ((ACME, GLOBEX), (GLOBEX, ACME)):
        report = make_report(books, SETTINGS, MONTH, tenant=find_tenant(books, mine), now=AFTERWARDS)
        assert report.totals == sums(books, MONTH.period.first, MONTH.period.last, mine)
        assert {row.tenant_id for row in report.rows} == {mine}
        assert [(budget.scope_name) for budget in report.budgets] == [mine], "nor the company's budgets"
        assert [alert.scope_name for alert in report.alerts] == [mine]
        assert other not in repr(asdict(report)), "another tenant's id stands nowhere in the whole document"
        everything = sums(books, MONTH.period.first, MONTH.period.last)
        assert format(everything.base_cost, "f") not in repr(asdict(report))


def test_comparisons_are_sums_and_means_of_earlier_days(books: Connection, report: Report) -> None:
    found = {comparison.name: comparison for comparison in report.comparisons}
    day_before = sums(books, DAY - timedelta(days=1), DAY - timedelta(days=1))
    assert found["day_before"].base_cost == day_before.base_cost
    assert found["same_weekday"].base_cost == sums(books, DAY - timedelta(days=7), DAY - timedelta(days=7)).base_cost
    seven = sums(books, DAY - timedelta(days=7), DAY - timedelta(days=1)).base_cost / 7
    assert abs(found["trailing_7"].base_cost - seven) <= Decimal("0.0000005")
    assert found["trailing_28"].period == ReportPeriod(DAY - timedelta(days=28), DAY - timedelta(days=1))
    so_far = sums(books, DAY.replace(day=1), DAY)
    assert report.month.base_cost == so_far.base_cost
    assert abs(report.month.forecast - so_far.base_cost * 31 / 17) <= Decimal("0.0000005")


measures = st.builds(
    Measures,
    calls=st.integers(0, 10**6),
    total_tokens=st.integers(0, 10**12),
    base_cost=st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=9),
)


@given(measures, measures)
def test_the_reasons_of_a_change_add_up_to_it(old: Measures, new: Measures) -> None:
    assert sum(why(old, new)) == new.base_cost - old.base_cost


def test_each_reason_is_told_from_the_others() -> None:
    old = Measures(calls=10, total_tokens=1000, base_cost=Decimal(1))
    assert why(old, Measures(calls=20, total_tokens=2000, base_cost=Decimal(2))) == (1, 0, 0), "only more calls"
    assert why(old, Measures(calls=10, total_tokens=3000, base_cost=Decimal(3))) == (0, 2, 0), "only longer ones"
    assert why(old, Measures(calls=10, total_tokens=1000, base_cost=Decimal(5))) == (0, 0, 4), "only a dearer model"


def test_movers_of_the_day_add_up(books: Connection, report: Report) -> None:
    every = movers(report.spent["project"], [], limit=10**6)
    assert sum(mover.change for mover in every) == report.totals.base_cost
    for mover in report.movers:
        assert mover.by_calls + mover.by_length + mover.by_price == mover.change
    changes = [abs(mover.change) for mover in report.movers]
    assert changes == sorted(changes, reverse=True) and changes


def test_a_day_is_final_only_when_over_read_and_reconciled(books: Connection) -> None:
    edition = edition_of("day", LAST)

    def reasons(now: datetime) -> set[str]:
        return {why.reason for why in make_report(books, SETTINGS, edition, now=now).open_reasons}

    assert reasons(AFTERWARDS) == set()
    assert reasons(datetime(2026, 3, 31, 17, tzinfo=UTC)) == {"not_over"}, "over in Shanghai, not in Berlin"
    for damage, expected in (
        ("UPDATE usage.source_state SET read_up_to = '2026-03-31 20:00Z'", "not_read"),
        ("DELETE FROM usage.source_state", "not_read"),
        ("INSERT INTO usage.changed_day (source, usage_date) VALUES ('main', '2026-03-31')", "changed"),
        ("DELETE FROM usage.reconciliation WHERE usage_date = '2026-03-31'", "not_compared"),
        ("UPDATE usage.reconciliation SET state = 'red', unexplained_tokens = 5", "unreconciled"),
        ("UPDATE usage.reconciliation SET compared_until = '2026-03-31 12:00Z'", "not_compared_to_end"),
    ):
        undo = _snapshot(books)
        books.execute(damage)
        try:
            assert reasons(AFTERWARDS) == {expected}
        finally:
            undo()


def test_a_source_that_is_read_no_more_keeps_no_report_open(books: Connection) -> None:
    elsewhere = SETTINGS.model_copy(update={"sources": (SourceSettings(id="other"),)})
    undo = _snapshot(books)
    books.execute("DELETE FROM usage.reconciliation")
    try:
        assert not make_report(books, elsewhere, edition_of("day", LAST), now=AFTERWARDS).provisional
    finally:
        undo()


def test_actions_of_enforcement_stand_in_the_report(books: Connection) -> None:
    undo = _snapshot(books)
    try:
        for number, tenant in enumerate((ACME, GLOBEX)):
            books.execute("INSERT INTO usage.enforcement_plan VALUES (%s, now(), 'test')", [f"alert:B{number}"])
            books.execute(
                "INSERT INTO usage.enforcement_action (action_id, cause, cause_key, alert_id, budget_id, scope_value,"
                ' scope_name, rolling, period_start, period_end, tier, tier_on, round, level, measure, "limit", action,'
                " source, tenant_id, app_id, target_name, place, mode, state, recipients, requested_at, requested_by,"
                " next_attempt_at) VALUES (%s, 'tier', %s, 'B1', 'b', '', '', false, '2026-03-17', '2026-03-18', 100,"
                " 'spent', 0, 'emergency', 'tokens', 1, 'pause_app', 'main', %s, %s, %s, 1, 'auto', 'verified', '[]',"
                " '2026-03-17 05:00Z', 'test', now())",
                [f"act-{number}", f"alert:B{number}", tenant, f"{tenant}-app-1", f"{tenant}-app-1"],
            )
        day = edition_of("day", DAY)
        everybody = make_report(books, SETTINGS, day, now=AFTERWARDS)
        own = make_report(books, SETTINGS, day, tenant=find_tenant(books, ACME), now=AFTERWARDS)
    finally:
        undo()
    assert len(everybody.actions) == 2
    assert [(action.action, action.target) for action in own.actions] == [("pause_app", f"{ACME}-app-1")]


def _snapshot(connection: Connection) -> Callable[[], None]:
    """Remembers the three tables that say whether a day is closed; returns what puts them back."""
    tables = ("source_state", "changed_day", "reconciliation")
    for table in tables:
        connection.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM usage.{table}")

    def undo() -> None:
        for table in tables:
            connection.execute(f"DELETE FROM usage.{table}")
            connection.execute(f"INSERT INTO usage.{table} SELECT * FROM kept_{table}")
            connection.execute(f"DROP TABLE kept_{table}")

    return undo


def test_what_has_no_price_and_no_key_is_named(books: Connection, report: Report) -> None:
    unpriced = sum(gap.total_tokens for gap in report.gaps if gap.kind == "unpriced")
    assert unpriced == report.totals.unpriced_tokens > 0
    shared = sum(row.total_tokens for row in report.rows if row.key_attribution == "shared")
    assert sum(gap.total_tokens for gap in report.gaps if gap.kind == "unattributed") == shared > 0


def test_a_saving_is_the_smaller_models_list_price(report: Report) -> None:
    assert {saving.instead for saving in report.savings} == {"gpt-4o-mini"}
    assert all(saving.estimated_saving == saving.cost - saving.estimated_cost > 0 for saving in report.savings)
    assert (smaller_model("openai", "gpt-4o-mini"), smaller_model("tongyi", "qwen-max")) == (None, None)
    assert smaller_model("openai", "gpt-4o-2024-08-06") == "gpt-4o-mini"


def test_a_tenant_that_is_not_there_is_told_with_those_that_are(books: Connection) -> None:
    assert {tenant.tenant_id for tenant in tenants(books)} == {ACME, GLOBEX}
    with pytest.raises(NoSuchTenantError, match=r"there is no tenant 'Acme'; the warehouse knows: .*=ACME"):
        find_tenant(books, "Acme")


def test_editions_have_the_days_that_people_expect() -> None:
    assert (WEEK.name, WEEK.period) == ("2026-W12", ReportPeriod(date(2026, 3, 16), date(2026, 3, 22)))
    assert (MONTH.name, MONTH.period) == ("2026-03", ReportPeriod(date(2026, 3, 1), date(2026, 3, 31)))
    assert edition_of("month", date(2024, 2, 29)).earlier()[1].period == ReportPeriod(
        date(2023, 2, 1), date(2023, 2, 28)
    )
