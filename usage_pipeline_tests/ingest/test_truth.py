"""Events and daily tables equal what the made-up Dify truly used: every unit, every sum, every decimal."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import KEY_RULES, Company, assert_events_equal, build_company, expected

# The demo's own company over its two months, and others over weeks: what chance brings differs by seed, not by length.
SEEDS = {2026: 60, 1: 15, 2: 15, 3: 15}
TABLES = {
    "daily_usage": ("tenant_id", "app_id", "api_key_id", "key_attribution", "caller_kind", "caller_id", "provider",
                    "model", "currency"),
    "daily_project_usage": ("tenant_id", "app_id", "currency"),
    "daily_key_usage": ("tenant_id", "app_id", "api_key_id", "key_attribution", "currency"),
    "daily_user_usage": ("tenant_id", "caller_kind", "caller_id", "currency"),
    "daily_model_usage": ("tenant_id", "provider", "model", "currency"),
    "daily_node_usage": ("tenant_id", "app_id", "node_id", "node_type", "provider", "model", "currency"),
}  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pass_counts_the_truth(seed: int, new_database: Callable[[], str], warehouse_url: str) -> None:
    company = build_company(new_database, warehouse_url, seed=seed, days=SEEDS[seed])
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        for table, columns in TABLES.items():
            assert_table_equals(connection, company, table, columns)


def assert_table_equals(connection: Connection, company: Company, table: str, columns: tuple[str, ...]) -> None:
    """A daily table's sums by its columns equal the truth's, and it has no row more."""
    wanted: dict[tuple[object, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 7)
    for unit in company.history.truth(company.history.now, KEY_RULES):
        row = expected(unit)
        key = (unit.usage_date(company.history.zone_of(unit.tenant_id)), *(row[name] for name in columns))
        is_call = not unit.event_id.startswith("residual:")
        values = (is_call, is_call and unit.status == "failed", unit.input_tokens, unit.output_tokens,
                  unit.total_tokens, row["cost"] or 0, row["base_cost"] or 0)  # fmt: skip
        wanted[key] = [total + Decimal(value) for total, value in zip(wanted[key], values, strict=True)]  # type: ignore[arg-type]
    measures = ["calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "cost", "base_cost"]
    sums = ", ".join(f"sum({measure})" for measure in measures)
    keys = ", ".join(("usage_date", *columns))
    # Rows of estimates alone have nothing that was logged.
    rows = connection.execute(
        f"SELECT {keys}, {sums} FROM usage.{table} GROUP BY {keys} HAVING sum(calls) + sum(total_tokens) > 0".encode()
    ).fetchall()
    found = {tuple(row[: len(columns) + 1]): [Decimal(str(value)) for value in row[len(columns) + 1 :]] for row in rows}
    assert found.keys() == wanted.keys(), table
    assert found == wanted, table


def test_a_second_run_changes_no_row(new_database: Callable[[], str], warehouse_url: str) -> None:
    company = build_company(new_database, warehouse_url, seed=5, days=6)
    company.run()
    with connected(warehouse_url) as connection:
        before = _everything(connection)
        assert sum(result.events_changed for result in company.run().ingested) == 0
        assert _everything(connection) == before


def _everything(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    tables = ["usage_event", "run_ledger", "project", "tenant", "api_key", "source_problem", "alert", "delivery",
              "config_version", *TABLES]  # fmt: skip
    return {
        table: sorted(
            map(tuple, connection.execute(f"SELECT t::text FROM usage.{table} t".encode()).fetchall()), key=str
        )
        for table in tables
    }


def test_what_changes_later_is_corrected_and_what_goes_stays(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    """A history read at many moments of its way ends at its truth; rows deleted on the way stay counted."""
    company = build_company(new_database, warehouse_url, seed=6, days=3, calls_a_day=12)
    company.run()
    truth = company.history.truth(company.history.now, KEY_RULES)
    gone = next(unit for unit in truth if unit.event_id.startswith("message:") and unit.total_tokens)
    with connected(company.dify_url) as dify:
        dify.execute("DELETE FROM messages WHERE id = %s", [gone.event_id.split(":")[1]])
        dify.execute("DELETE FROM workflow_runs WHERE app_id = (SELECT app_id FROM workflow_runs LIMIT 1)")
    company.run()
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, truth)


def test_a_chatflow_message_that_comes_late_corrects_its_runs_caller(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    company = build_company(new_database, warehouse_url, seed=7, days=2, calls_a_day=15)
    with connected(company.dify_url) as dify:
        dify.execute("CREATE TABLE held AS SELECT * FROM messages WHERE workflow_run_id IS NOT NULL")
        dify.execute("DELETE FROM messages WHERE workflow_run_id IS NOT NULL")
        company.run()
        dify.execute("INSERT INTO messages SELECT * FROM held")
        dify.execute("DROP TABLE held")
    company.run()
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_days_are_cut_in_the_tenants_zone(new_database: Callable[[], str], warehouse_url: str) -> None:
    company = build_company(new_database, warehouse_url, seed=8, days=3)
    company.run()
    with connected(warehouse_url) as connection:
        rows = connection.execute("SELECT tenant_id, occurred_at, usage_date FROM usage.usage_event").fetchall()
    assert rows
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    for tenant_id, occurred_at, day in rows:
        zone = ZoneInfo(company.history.zone_of(str(tenant_id)))
        assert isinstance(occurred_at, datetime)
        assert occurred_at.astimezone(UTC).astimezone(zone).date() == day
