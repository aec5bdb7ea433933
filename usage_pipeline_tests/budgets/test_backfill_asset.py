"""The asset budget_status, backfilled by Dagster in one run: what would have alerted stands in its metadata."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.configuration import active_configuration
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

TEXT = """version: 1
recipients: {ops: {channel: wecom, secret_env: OPS}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
budgets:
  - {id: bots, per: project, period: day, limit: {tokens: 1000000}}
"""
WORLD = World(("UTC",), ("sales-bot",))


def test_thirty_days_under_half_the_limit(
    warehouse: Connection, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    from usage_pipeline.defs.budgets import budget_status  # noqa: PLC0415  (reads the warehouse when loaded)

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=number) for number in range(30, 0, -1)]
    busy = {days[4].date(), days[11].date(), days[20].date()}
    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None, occurred_at=day,
              input_tokens=600_000 if day.date() in busy else 10, output_tokens=0, cost=Decimal(0))
        for number, day in enumerate(days)])  # fmt: skip
    roll_up(warehouse, [day.date() for day in days])
    then = active_configuration(warehouse, config)
    for day in days:
        with warehouse.transaction():
            evaluate_budgets(warehouse, then.settings, then.version, day + timedelta(hours=23))
    was = warehouse.execute("SELECT * FROM usage.budget_status ORDER BY 1, 2, 3").fetchall()
    assert len(was) == 30

    config.write_text(TEXT.replace("1000000", "500000"), encoding="utf-8")
    result = dg.materialize(
        [budget_status, dg.AssetSpec("daily_usage")],
        resources={"warehouse": Warehouse()},
        tags={
            "dagster/asset_partition_range_start": str(days[0].date()),
            "dagster/asset_partition_range_end": str(days[-1].date()),
            "dagster/backfill": "test",
        },
        selection=[budget_status],
    )
    assert result.success
    metadata = result.asset_materializations_for_node("budget_status")[0].metadata
    table = metadata["would_have_alerted"]
    assert isinstance(table, dg.TableMetadataValue)
    found = [record.data for record in table.records]
    assert {date.fromisoformat(str(line["day"])) for line in found} == busy
    assert {(line["budget"], line["of"], line["spent"], line["limit"], line["limit then"]) for line in found} == {
        ("bots", "sales-bot", "600,000 tokens", "500,000 tokens", "1,000,000 tokens")
    }
    assert (metadata["days"].value, metadata["alerts_it_would_have_raised"].value) == (30, 3)
    assert metadata["sends"].value == "nothing"
    assert warehouse.execute("SELECT * FROM usage.budget_status ORDER BY 1, 2, 3").fetchall() == was
    sent = warehouse.execute(
        "SELECT (SELECT count(*) FROM usage.alert), (SELECT count(*) FROM usage.delivery)"
    ).fetchone()
    assert sent == (0, 0)
