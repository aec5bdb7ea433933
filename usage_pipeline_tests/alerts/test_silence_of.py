"""Which silence holds for a budget's value: by its globs, on id or name, from its begin on, as what is not sent."""

from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.alerts.silences import Silence, make_silence, silence_of
from usage_pipeline.warehouse.connection import Connection

NOW = datetime.now(UTC)


def silence(
    warehouse: Connection, budget: str, *, hours: int = 4, scope: str | None = None, at: datetime = NOW
) -> None:
    """One that Zhang made."""
    made = Silence(budget, at + timedelta(hours=hours), "a move", "li", scope)
    make_silence(warehouse, made, at)


@pytest.mark.parametrize(
    ("budget", "scope", "holds"),
    [
        ("agents-daily", None, True),
        ("agents-*", None, True),
        ("others", None, False),
        ("agents-daily", "bot [[]prod]", False),
        ("agents-daily", "bot [prod]", True),
        ("agents-daily", "app-1*", True),
        ("agents-daily", "bot p", False),
    ],
)
def test_a_silence_holds_by_budget_and_by_the_values_id_or_name(
    warehouse: Connection, budget: str, scope: str | None, holds: bool
) -> None:
    silence(warehouse, budget, scope=scope)
    found = silence_of(warehouse, "agents-daily", "app-17", "bot [prod]", NOW + timedelta(minutes=1))
    assert (found is not None) is holds


def test_the_longest_counts_and_none_that_has_not_begun(warehouse: Connection) -> None:
    silence(warehouse, "agents-daily", hours=2)
    silence(warehouse, "agents-*", hours=8)
    silence(warehouse, "*", hours=9, at=NOW + timedelta(hours=1))
    found = silence_of(warehouse, "agents-daily", "app-17", "bot", NOW + timedelta(minutes=1))
    assert found is not None and found.ends_at == NOW + timedelta(hours=8)
