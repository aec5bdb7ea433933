"""Which days are reconciled when."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.warehouse.connection import connected

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Shanghai
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def test_an_hour_takes_yesterday_today_and_what_did_not_fit_and_a_night_five_weeks(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    from usage_pipeline.defs.reconciliation import reconcile_hourly, reconcile_nightly  # noqa: PLC0415
    from usage_pipeline.defs.shared import settings_at_load  # noqa: PLC0415  (reads the configuration when loaded)

    with connected(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO usage.reconciliation (source, usage_date, state, says) VALUES"
            " ('main', '2026-11-10', 'red', ''), ('main', '2026-11-11', 'green', ''), ('main', '2026-11-12', 'healed',"
            " ''), ('main', '2026-09-01', 'red', '')"
        )
    today = settings_at_load().today(NOON)  # of whatever configuration was there when the first test loaded it
    context = dg.build_schedule_context(scheduled_execution_time=NOON, resources={"warehouse": Warehouse()})
    asked = [(run.tags[FIRST], run.tags[LAST]) for run in reconcile_hourly(context)]
    assert asked == [
        (str(today - timedelta(days=1)), str(today)),
        ("2026-11-10", "2026-11-10"),
        ("2026-11-12", "2026-11-12"),
    ]
    night = reconcile_nightly(dg.build_schedule_context(scheduled_execution_time=NOON))
    assert isinstance(night, dg.RunRequest)
    assert (night.tags[FIRST], night.tags[LAST]) == (str(today - timedelta(days=35)), str(today))


def test_a_pass_does_not_reconcile(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    from usage_pipeline.definitions import defs  # noqa: PLC0415

    graph = defs.resolve_asset_graph()
    in_pass = {key.to_user_string() for key in defs.resolve_job_def("usage_pass").asset_layer.executable_asset_keys}
    assert "daily_usage" in in_pass
    assert not in_pass & {"reconciliation", "invoice_coverage"}
    assert graph.has(dg.AssetKey("reconciliation"))
