"""Forecasts follow what is usual on such weekdays at such hours; no holiday and no runaway leads them astray."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.settings import Settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_version, write_world

WORLD = World(("UTC",), ("bot",))
TUESDAY = datetime(2026, 6, 16, tzinfo=UTC)
CONFIG = Settings.model_validate({"version": 1, "budgets": [
    {"id": period, "period": period, "limit": {"tokens": 1_000_000}} for period in ("hour", "day", "week", "month")
]})  # fmt: skip


def usual_day(day: datetime) -> list[tuple[datetime, int]]:
    """Weekdays: 1,000 tokens, half of them at nine, half at fifteen; weekends a tenth of it."""
    tokens = 500 if day.weekday() < 5 else 50
    return [(day + timedelta(hours=9), tokens), (day + timedelta(hours=15), tokens)]


def foreseen(warehouse: Connection, calls: list[tuple[datetime, int]], now: datetime) -> dict[str, tuple[Decimal, ...]]:
    """Forecast, low, high and straight line by period."""
    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None, occurred_at=at,
              input_tokens=tokens, output_tokens=0, cost=None)
        for number, (at, tokens) in enumerate(calls) if at <= now])  # fmt: skip
    roll_up(warehouse, sorted({at.date() for at, _ in calls if at <= now}))
    version = write_version(warehouse)
    with warehouse.transaction():
        evaluate_budgets(warehouse, CONFIG, version, now)
    rows = warehouse.execute(
        "SELECT period, forecast, forecast_low, forecast_high, straight_line FROM usage.budget_status"
        " WHERE period_start <= %s AND period_end > %s", [now, now],
    ).fetchall()  # fmt: skip
    return {str(period): tuple(amounts) for period, *amounts in rows}


def history(until: datetime, days: int = 50) -> list[tuple[datetime, int]]:
    return [call for number in range(days, -1, -1) for call in usual_day(until - timedelta(days=number))]


@pytest.mark.parametrize(("hour", "within"), [(6, 100), (12, 60), (20, 10)])
def test_a_usual_day_is_foreseen_at_any_hour(warehouse: Connection, hour: int, within: int) -> None:
    found = foreseen(warehouse, history(TUESDAY), TUESDAY + timedelta(hours=hour))
    forecast, low, high, straight = found["day"]
    assert abs(forecast - 1000) <= within
    assert low <= forecast <= high
    assert abs(forecast - 1000) <= abs(straight - 1000)


def test_weekends_to_come_are_not_taken_for_weekdays(warehouse: Connection) -> None:
    found = foreseen(warehouse, history(TUESDAY), TUESDAY + timedelta(hours=20))
    week, month = 5 * 1000 + 2 * 100, 22 * 1000 + 8 * 100
    assert abs(found["week"][0] - week) < week * Decimal("0.08")
    assert abs(found["month"][0] - month) < month * Decimal("0.08")
    assert found["month"][1] <= month <= found["month"][2]


def test_a_holiday_and_a_runaway_of_the_past_move_little(warehouse: Connection) -> None:
    calls = [(at, 0 if (TUESDAY - at).days == 6 else tokens) for at, tokens in history(TUESDAY)]
    calls.append((TUESDAY - timedelta(days=20), 3_000_000))
    found = foreseen(warehouse, sorted(calls), TUESDAY + timedelta(hours=20))
    assert abs(found["week"][0] - 5200) < 1200


def test_a_runaway_that_began_an_hour_ago_is_not_drawn_on_to_the_months_end(warehouse: Connection) -> None:
    now = TUESDAY + timedelta(hours=10)
    found = foreseen(warehouse, [*history(TUESDAY), (now - timedelta(hours=1), 200_000)], now)
    forecast, _, _, straight = found["month"]
    assert 200_000 < forecast < 240_000
    assert straight > 350_000


@pytest.mark.parametrize("days", [3, 6])
def test_what_is_new_keeps_the_straight_line(warehouse: Connection, days: int) -> None:
    found = foreseen(warehouse, history(TUESDAY, days), TUESDAY + timedelta(hours=12))
    forecast, low, high, straight = found["week"]
    assert (forecast, low, high) == (straight, None, None)
    assert found["hour"][1] is None


def test_a_week_is_enough_to_look_ahead(warehouse: Connection) -> None:
    found = foreseen(warehouse, history(TUESDAY, days=7), TUESDAY + timedelta(hours=20))
    forecast, low, high, _ = found["day"]
    assert abs(forecast - 1000) <= 50
    assert low <= forecast <= high
