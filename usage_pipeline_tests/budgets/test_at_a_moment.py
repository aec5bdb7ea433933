"""`budgets show --at`: all that is shown stood so at that moment, or it says what cannot be known."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from usage_pipeline.alerts.approvals import decide_override, request_override
from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.budgets.overrides import NewOverride
from usage_pipeline.configuration import active_configuration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.budgets.test_changes import TEXT, Run, config, now, run

__all__ = ["config", "now", "run"]


def at(run: Run, moment: datetime, budget: str = "company") -> dict[str, Any]:
    """The only value of a budget at a moment."""
    (found,) = json.loads(run("budgets", "show", budget, "--at", moment.isoformat(), "--json").stdout)
    return dict(found)


def change(warehouse: Connection, config: Path, text: str, evaluated_at: datetime) -> None:
    """Another file is active from now on, and a pass evaluates by it."""
    config.write_text(text, encoding="utf-8")
    evaluate_and_alert(warehouse, active_configuration(warehouse, config), evaluated_at)


def test_limit_level_and_version_are_those_of_the_moment(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    between = datetime.now(UTC)
    change(warehouse, config, TEXT.replace("9000000", "100000"), now + timedelta(minutes=2))
    before, after = at(run, between), at(run, now + timedelta(minutes=3))
    assert [(found["limit"], found["level"]) for found in (before, after)] == [
        ("9000000", "ok"),
        ("100000", "emergency"),
    ]
    assert before["judged_by"]["version"] < after["judged_by"]["version"]
    assert before["forecast"] is None and before["straight_line"] is not None
    assert any("spent" in note for note in before["notes"]) and after["notes"] == []
    text = run("budgets", "show", "company", "--at", between.isoformat()).stdout
    assert "9,000,000 tokens" in text and "not kept; straight line" in text and "100,000" not in text


def test_a_level_that_is_over_is_that_of_its_time(run: Run, warehouse: Connection, config: Path) -> None:
    change(warehouse, config, TEXT.replace("9000000", "100000"), datetime.now(UTC))
    reached = datetime.now(UTC)
    change(warehouse, config, TEXT, datetime.now(UTC))
    assert [(found["limit"], found["level"]) for found in (at(run, reached), at(run, datetime.now(UTC)))] == [
        ("100000", "emergency"),
        ("9000000", "ok"),
    ]


def test_an_override_that_has_ended_stands_in_the_limit_of_its_time(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    config.write_text(f"{TEXT}approvals: {{approvers: [wang.wu]}}\n", encoding="utf-8")
    active = active_configuration(warehouse, config)
    asked = NewOverride("company", None, None, None, Decimal(50), now + timedelta(minutes=20), "more", "li.si")
    made = request_override(warehouse, active, asked, now)
    decide_override(
        warehouse, active, made.override_id, approve=True, by="wang.wu", note="", now=now + timedelta(minutes=2)
    )
    for minutes in (3, 30):
        evaluate_and_alert(warehouse, active, now + timedelta(minutes=minutes))
    limits = [at(run, now + timedelta(minutes=minutes))["limit"] for minutes in (1, 10, 25, 31)]
    assert [Decimal(limit) for limit in limits] == [9_000_000, 13_500_000, 9_000_000, 9_000_000]
    (raised,) = at(run, now + timedelta(minutes=10))["allowance"]
    assert raised["reason"] == f"raise {made.override_id}"


def test_a_lock_is_shown_while_it_held(run: Run, warehouse: Connection, now: datetime) -> None:
    warehouse.execute(
        "INSERT INTO usage.budget_lock (budget_id, scope_value, locked_at, scope_name, scope, period_start, period_end,"
        " tier, \"limit\", unlocked_at, unlocked_why) VALUES ('company', '', %s, '', '{}', %s, %s, 100, 1, %s, 'x')",
        [now - timedelta(minutes=9), now, now, now - timedelta(minutes=5)],
    )
    held = [at(run, now - timedelta(minutes=minutes))["locked_since"] is not None for minutes in (10, 7, 4)]
    assert held == [False, True, False]


def test_before_the_first_configuration_and_without_the_budget_it_is_said(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    early = at(run, now - timedelta(hours=1))
    assert any("no configuration of then is kept" in note for note in early["notes"])
    between = datetime.now(UTC)
    change(warehouse, config, f"{TEXT}  - {{id: new, period: day, limit: {{tokens: 5}}}}\n", now + timedelta(minutes=1))
    said = run("budgets", "show", "new", "--at", between.isoformat()).stdout
    assert "new was not in the configuration that was active at" in " ".join(said.split())


@pytest.mark.parametrize("hours", [1, 3])
def test_a_rolling_window_is_the_one_that_was_current(
    run: Run, warehouse: Connection, config: Path, now: datetime, hours: int
) -> None:
    rolling = f"{TEXT}  - {{id: window, period: {{rolling: 24h}}, limit: {{tokens: 5000000}}}}\n"
    for back in (6, 5, 4, 3, 2, 1, 0):
        change(warehouse, config, rolling, now - timedelta(hours=back))
    found = at(run, now - timedelta(hours=hours), "window")
    ends = datetime.fromisoformat(found["period_end"])
    assert now - timedelta(hours=hours) < ends <= now - timedelta(hours=hours - 1)
