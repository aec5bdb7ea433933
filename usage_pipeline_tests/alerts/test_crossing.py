"""Forecast and the time at which the limit is reached come from one method: neither is told without the other."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from usage_pipeline.alerts.budget_alert import _crossing
from usage_pipeline.budgets.evaluate import Reached

DAY = datetime(2026, 11, 25, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)


def reached(spent: int, forecast: int | None) -> Reached:
    """A day's budget of 1,000 at noon."""
    return Reached(
        budget_id="b",
        scope_value="",
        scope_name="",
        scope={},
        period="day",
        zone="UTC",
        period_start=DAY,
        period_end=DAY + timedelta(days=1),
        measure="tokens",
        spent=Decimal(spent),
        limit=Decimal(1000),
        ratio=Decimal(spent) / 1000,
        forecast=None if forecast is None else Decimal(forecast),
        tokens=None,
        cost=None,
        tier=Decimal(80),
        level="warning",
    )


@pytest.mark.parametrize(
    ("spent", "forecast", "hours"),
    [(500, 1500, 18), (800, 1000, 24), (900, 1100, 18), (500, 999, None), (500, None, None), (1000, 2000, None)],
)
def test_the_limit_is_reached_where_the_forecast_leads(spent: int, forecast: int | None, hours: int | None) -> None:
    expected = None if hours is None else DAY + timedelta(hours=hours)
    assert _crossing(reached(spent, forecast), NOON) == expected


def test_after_its_period_nothing_is_foreseen() -> None:
    assert _crossing(reached(500, 1500), DAY + timedelta(days=1)) is None
