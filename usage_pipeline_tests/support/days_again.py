"""A company whose past days come out otherwise under a changed file, and what of them is compared."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from usage_pipeline.budgets.past_days import what_if_days
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.pipeline import book_again, correct_again
from usage_pipeline.usage.roll_up import DAILY_TABLES, Difference
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company

# What a backfill makes, and by what its rows are told; moments at which it was made are left out.
MADE = {
    **dict.fromkeys(DAILY_TABLES, "*"),
    "daily_hour_usage": "*",
    "usage_event": "source, event_id, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,"
    " caller_id, input_tokens, output_tokens, total_tokens, cost, currency, base_cost, price_source, usage_date,"
    " logged_api_key_id, seal",
    "budget_status": "budget_id, scope_value, period_start, measures, spent, \"limit\", ratio, level, tier_at,"
    " allowance, config_version, terms, judged_by, cost",
    "budget_status_what_if": "budget_id, scope_value, period_start, usage_date, config_version, spent, \"limit\","
    " ratio, level, tier_at, in_force_limit, in_force_level",
}  # fmt: skip


def backfill(connection: Connection, configuration: ActiveConfiguration, days: Sequence[date]) -> list[Difference]:
    """Makes past days again as the command does; returns where the daily tables differ from the events."""
    book_again(connection, configuration, days)
    found = correct_again(connection, configuration, days)
    what_if_days(connection, configuration, days)
    return found


def build_nightly(make: Callable[[], str], warehouse_url: str) -> Company:
    """Eight days with calls in the small hours."""
    return build_company(make, warehouse_url, seed=67, days=8, calls_a_day=8, also=calls_by_night)


def calls_by_night(history: History) -> Iterator[CallScript]:
    """Some each night, in the small hours of Berlin: in America it is the day before."""
    rng, app = random.Random(5), history.world.apps["support-bot"]
    for number in range(1, 9):
        for minute in range(5):
            moment = (history.now - timedelta(days=number)).replace(hour=3, minute=minute)
            caller = caller_for(history.world, rng, app, "web")
            yield basic_call(history.world, rng, app, caller, moment, tokens=(300, 100))


def rows_of(connection: Connection) -> dict[str, list[str]]:
    """Every row that a backfill makes, as text, by table."""
    return {
        table: sorted(
            str(row) for row in connection.execute(f"SELECT {columns} FROM usage.{table}".encode()).fetchall()
        )
        for table, columns in MADE.items()
    }


def changed_config(folder: Path) -> Path:
    """The example with another zone, rate and price: events move to other days, and all cost something else."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ('"Support", timezone: Europe/Berlin', '"Support", timezone: America/Los_Angeles'),
        ("{USD: 7.10}", "{USD: 6.90}"),
        ("input_per_million: 2.0", "replace: true, input_per_million: 3.5"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def days_of(connection: Connection) -> list[date]:
    """Every day with events, and a day around them."""
    first, last = connection.execute(
        "SELECT min(usage_date) - 1, max(usage_date) + 1 FROM usage.usage_event"
    ).fetchall()[0]
    assert isinstance(first, date)
    assert isinstance(last, date)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
