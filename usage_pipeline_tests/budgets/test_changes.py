"""A changed file: what it would do is shown first, what it did is explained, past days stand beside what was."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.cli import app
from usage_pipeline.configuration import active_configuration
from usage_pipeline.settings import Settings
from usage_pipeline.settings.differences import differences
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world
from usage_pipeline_tests.support.rewriting import forget

TEXT = """version: 1
recipients: {ops: {channel: wecom, secret_env: OPS}}
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops]}
budgets:
  - {id: company, period: month, limit: {tokens: 9000000}}
  - {id: bots, parent: company, per: project, period: day, limit: {tokens: 1000000}}
"""
WORLD = World(("UTC",), ("sales-bot", "crm"))
Run = Callable[..., Result]
EXPLAINED = (
    "scope_value scope_name period zone period_start period_end at measure spent limit ratio level forecast allowance"
    " judged_by straight_line forecast_low forecast_high previous_period trailing_average totals parts story"
    " locked_since notes"
)


@pytest.fixture
def now() -> datetime:
    """An hour into the present day at the latest: events of today lie before it."""
    return datetime.now(UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "usage_pipeline.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    warehouse: Connection,
    warehouse_url: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
) -> Run:
    """The command, over a warehouse in which sales-bot spends 600,000 tokens a day and was evaluated each day."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    write_world(warehouse, WORLD)
    days = [now - timedelta(days=number) for number in range(getattr(request, "param", 4))]
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller="alice", model="gpt-5", node=None, occurred_at=day,
              input_tokens=500_000, output_tokens=100_000, cost=Decimal(1)) for number, day in enumerate(days)
    ])  # fmt: skip
    roll_up(warehouse, [day.date() for day in days])
    in_force = active_configuration(warehouse, config)
    for day in reversed(days):
        evaluate_and_alert(warehouse, in_force, day)
    forget(warehouse, "alert", "budget_tier", "budget_event")

    def command(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})

    return command


def halve(config: Path) -> None:
    config.write_text(TEXT.replace("tokens: 1000000", "tokens: 500000"), encoding="utf-8")


def count(warehouse: Connection, table: str) -> int:
    return value(warehouse, int, f"SELECT count(*) FROM usage.{table}".encode())


def test_diff_shows_levels_and_alerts_and_changes_nothing(run: Run, warehouse: Connection, tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    halve(changed)
    before = warehouse.execute("SELECT * FROM usage.budget_status ORDER BY 1, 2, 3").fetchall()
    found = json.loads(run("budgets", "diff", str(changed), "--json").stdout)
    assert found["changes"] == ["budgets bots: limit.tokens 1000000 -> 500000"]
    assert [(item["before"]["level"], item["after"]["level"]) for item in found["budgets"]] == [("ok", "emergency")]
    assert [(item["budget_id"], item["tier"]) for item in found["alerts"]] == [("bots", "80"), ("bots", "100")]
    assert warehouse.execute("SELECT * FROM usage.budget_status ORDER BY 1, 2, 3").fetchall() == before
    assert count(warehouse, "alert") == 0
    assert count(warehouse, "budget_event") == 0
    text = run("budgets", "diff", str(changed)).stdout
    assert "sales-bot" in text
    assert "Alerts that would be raised at once" in text


def test_a_changed_file_says_nothing_about_yesterday(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    halve(config)
    in_force = active_configuration(warehouse, config)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    evaluate_and_alert(warehouse, in_force, midnight + timedelta(hours=1))
    days = warehouse.execute("SELECT DISTINCT period_start FROM usage.alert WHERE budget_id = 'bots'").fetchall()
    assert days == [(midnight,)]


def test_a_mistake_in_the_changed_file_is_one_line(run: Run, tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(TEXT.replace("1000000", "1m"), encoding="utf-8")
    result = run("budgets", "diff", str(changed))
    assert result.exit_code == 2
    assert "budgets[1].limit.tokens" in result.stderr


@pytest.mark.parametrize("run", [30], indirect=True)
def test_past_days_under_a_new_file_stand_beside_what_was_in_force(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    was = warehouse.execute("SELECT * FROM usage.budget_status WHERE budget_id = 'bots' ORDER BY 3").fetchall()
    assert len(was) == 30
    halve(config)
    first, last = (now - timedelta(days=29)).date(), now.date()
    words = ("backfill", "--from", str(first), "--to", str(last), "--what-if")
    found = json.loads(run(*words, "--json").stdout)
    bots = [row for row in found["would_have_alerted"] if row["budget"] == "bots"]
    assert [row["day"] for row in bots] == [str(first + timedelta(days=number)) for number in range(30)]
    assert {(row["level"], row["level_then"], row["limit"], row["limit_then"]) for row in bots} == {
        ("emergency", "ok", "500000", "1000000")
    }
    assert found["sent"] == count(warehouse, "alert") == count(warehouse, "delivery") == 0
    assert warehouse.execute("SELECT * FROM usage.budget_status WHERE budget_id = 'bots' ORDER BY 3").fetchall() == was
    assert "Days that would have alerted" in run(*words).stdout
    # The whole backfill rolls up too, and still leaves what was in force then.
    assert run("backfill", "--from", str(first), "--to", str(last - timedelta(days=1))).exit_code == 0
    kept = warehouse.execute("SELECT DISTINCT \"limit\"::int, level FROM usage.budget_status WHERE budget_id = 'bots'")
    assert kept.fetchall() == [(1_000_000, "ok")]


def test_a_version_says_what_changed_and_who(run: Run, warehouse: Connection, config: Path) -> None:
    halve(config)
    active_configuration(warehouse, config)
    rows = warehouse.execute("SELECT diff, changed_by FROM usage.config_version ORDER BY version_id").fetchall()
    assert [row[0] for row in rows] == ["the first version", "budgets bots: limit.tokens 1000000 -> 500000"]
    assert all(row[1] for row in rows)


def test_show_explains_a_budget(run: Run, warehouse: Connection, config: Path, now: datetime) -> None:
    halve(config)
    evaluate_and_alert(warehouse, active_configuration(warehouse, config), now)
    text = run("budgets", "show", "bots").stdout
    assert "600,000 tokens in the period before, 600,000 in the mean of seven" in " ".join(text.split())
    for said in ("for each", "project", "sales-bot", "600,000 of 500,000", "api: alice", "gpt-5",
                 "reached: 80% of spent",
                 "no override is active", "limit.tokens 1000000 -> 500000", "within"):  # fmt: skip
        assert said in text, said
    found = json.loads(run("budgets", "show", "bots", "--at", "now", "--json").stdout)
    assert found[0]["totals"]["tokens"] == "600000"
    assert found[0].keys() == set(EXPLAINED.split()), "as programs know them"
    assert [(h["kind"], h["tier_at"]) for h in found[0]["story"]] == [("reached", "80"), ("reached", "100")]
    tree = run("budgets", "show", "--tree").stdout
    assert tree.index("company") < tree.index("bots · sales-bot")


def test_show_at_a_moment_counts_only_up_to_it(run: Run, now: datetime) -> None:
    yesterday = now - timedelta(days=1)
    at = (yesterday - timedelta(minutes=1)).isoformat()
    found = json.loads(run("budgets", "show", "company", "--at", at, "--json").stdout)
    if (yesterday - timedelta(minutes=1)).date() == yesterday.date():
        spent_before = 600_000 * min(yesterday.day - 1, 2)
        assert [Decimal(item["spent"]) for item in found] == [spent_before]
    assert run("budgets", "show", "company", "--at", "soon").exit_code == 2
    assert run("budgets", "show", "--at", "2026-01-01").exit_code == 2


def test_late_usage_corrects_a_past_day(run: Run, warehouse: Connection, now: datetime) -> None:
    day = now - timedelta(days=3)
    write_events(warehouse, WORLD, [
        Event(number=99, tenant=0, project=0, key=None, caller=None, model=None, node=None, occurred_at=day,
              input_tokens=500_000, output_tokens=0, cost=None)])  # fmt: skip
    result = run("backfill", "--from", str(day.date()), "--to", str(day.date()))
    assert result.exit_code == 0, result.output
    row = warehouse.execute(
        "SELECT spent::int, level, judged_by FROM usage.budget_status WHERE budget_id = 'bots'"
        " AND period_start::date = %s",
        [day.date()],
    ).fetchone()
    assert row == (1_100_000, "emergency", "pass")
    assert count(warehouse, "alert") == 0


def test_differences_are_told_by_name() -> None:
    def settings(*budgets: dict[str, object], **more: object) -> Settings:
        return Settings.model_validate({"version": 1, "budgets": list(budgets), **more})

    a: dict[str, object] = {"id": "a", "period": "day", "limit": {"calls": 1}}
    b: dict[str, object] = {"id": "b", "period": "day", "limit": {"calls": 1}}
    assert differences(settings(a, b), settings(b, a)) == []
    assert differences(settings(a), settings(a, b)) == ["budgets b: added"]
    assert differences(settings(a, b), settings(b)) == ["budgets a: removed"]
    assert differences(settings(a), settings({**a, "period": "month"})) == ["budgets a: period day -> month"]
    assert differences(settings(a), settings(a, timezone="Asia/Tokyo")) == ["timezone UTC -> Asia/Tokyo"]


@pytest.mark.parametrize("run", [1], indirect=True)
def test_a_month_is_compared_with_the_one_before_though_its_row_was_there_before_the_older_days_were(
    run: Run, warehouse: Connection, config: Path, now: datetime
) -> None:
    older = [now - timedelta(days=number) for number in range(1, 66)]
    write_events(warehouse, WORLD, [
        Event(number=100 + number, tenant=0, project=0, key=None, caller="alice", model="gpt-5", node=None,
              occurred_at=day, input_tokens=1_000, output_tokens=0, cost=None) for number, day in enumerate(older)
    ])  # fmt: skip
    roll_up(warehouse, [day.date() for day in older])
    forget(warehouse, "budget_status")
    assert run("backfill", "--from", str(now.date()), "--to", str(now.date())).exit_code == 0
    evaluate_and_alert(warehouse, active_configuration(warehouse, config), now)
    query = "SELECT previous_period FROM usage.budget_status WHERE budget_id = 'company' AND period_end > %s"
    days_before = (now.date().replace(day=1) - timedelta(days=1)).day
    assert value(warehouse, Decimal, query, [now]) == 1_000 * days_before
