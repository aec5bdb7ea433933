"""`alerts preview`: every channel's rendering of a budget's alert; nothing is written, nothing is sent."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.alerts.preview import would_be_alert
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import parse_settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world
from usage_pipeline_tests.support.typed import typed

CONFIG = """version: 1
language: zh
recipients:
  ops: {channel: wecom, secret_env: WECOM_OPS_URL}
tiers:
  - {at: 80, level: warning, notify: [ops]}
budgets:
  - {id: company-month, name: Company, period: month, limit: {cost: 50000}}
"""


def preview(warehouse_url: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, where no channel's variable is set."""
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "USAGE_PIPELINE_CONFIG": str(folder / "c.yaml")}
    return typed("alerts", "preview", *words, environment=environment)


def test_every_channel_is_shown_and_nothing_is_written(
    warehouse_url: str, warehouse: Connection, tmp_path: Path
) -> None:
    done = preview(warehouse_url, tmp_path, "company-month", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert {each["channel"] for each in shown} == set(CHANNELS)
    assert {each["recipient"] for each in shown if each["channel"] == "wecom"} == {"ops"}
    assert all("Company" in each["text"] for each in shown)
    assert all(each["language"] == "zh" for each in shown)
    for table in ("alert", "delivery", "alert_delivery"):
        assert warehouse.execute(f"SELECT count(*) FROM usage.{table}").fetchone() == (0,)


def test_one_channel_in_another_language(warehouse_url: str, warehouse: Connection, tmp_path: Path) -> None:
    done = preview(warehouse_url, tmp_path, "company-month", "--channel", "wecom", "--language", "en")
    assert done.returncode == 0, done.stderr
    assert "Spent / limit" in done.stdout
    assert "slack" not in done.stdout


def test_what_is_not_there_is_a_mistake(warehouse_url: str, warehouse: Connection, tmp_path: Path) -> None:
    for words, known in ((("nothing",), "company-month"), (("company-month", "--channel", "fax"), "wecom")):
        done = preview(warehouse_url, tmp_path, *words)
        assert done.returncode == 2
        assert known in done.stderr
        assert "Traceback" not in done.stderr


def test_a_budget_that_no_pass_has_evaluated_yet_is_shown_as_it_stands(warehouse: Connection) -> None:
    settings = parse_settings(
        "version: 1\ntimezone: UTC\nrecipients: {ops: {channel: wecom, secret_env: X}}\n"
        "tiers: [{at: 100, level: emergency, notify: [ops]}, {at: 90, on: forecast, level: warning, notify: [ops]}]\n"
        "budgets: [{id: bots, per: project, period: month, limit: {tokens: 1000}},"
        " {id: none, scope: {project: nobody}, period: month, limit: {tokens: 1000}}]\n",
        "c.yaml",
    )
    now = datetime(2026, 3, 17, 12, tzinfo=UTC)
    world = World(("UTC",), ("sales-bot",))
    write_world(warehouse, world)
    event = Event(
        number=1, tenant=0, project=0, key=None, caller="x", model="m", node=None, occurred_at=now, input_tokens=2_000,
        output_tokens=0, cost=None,
    )  # fmt: skip
    write_events(warehouse, world, [event])
    roll_up(warehouse, [now.date()])
    spent, nothing = (would_be_alert(warehouse, settings, budget, now) for budget in settings.budgets)
    # The gravest of the tiers that are reached, whatever their order in the file.
    assert (spent.level, spent.facts.spent, spent.facts.scope_name) == ("emergency", 2_000, "sales-bot")
    assert (nothing.facts.spent, nothing.facts.top_in_period) == (0, {})
    for alert in (spent, nothing):
        assert (alert.facts.period_start, alert.facts.period_end) == (
            datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))  # fmt: skip
    assert warehouse.execute("SELECT count(*) FROM usage.budget_status").fetchone() == (0,)
