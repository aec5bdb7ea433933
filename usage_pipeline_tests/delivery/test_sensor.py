"""The sensor of due alerts: one run a batch, asked for again when it came to nothing, and never a crowd of runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.delivery.worker import claim
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.delivery.test_outbox import CONFIG, put
from usage_pipeline_tests.support.channels import robot

STOPPED_AT = datetime.now(UTC).replace(minute=0, second=30, microsecond=0) + timedelta(days=1)


class Stopped(datetime):
    """A clock in the middle of a minute, which a test moves by whole minutes."""

    minutes = 0

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        """A day from now, and so many minutes."""
        return STOPPED_AT + timedelta(minutes=cls.minutes)


def test_the_sensor_asks_once_a_batch_and_again_a_minute_later_but_not_while_two_runs_deliver(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    from usage_pipeline.defs import alerts  # noqa: PLC0415  (reads the configuration when it is loaded)
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415

    monkeypatch.setattr(alerts, "datetime", Stopped)
    connection: Connection = connect(warehouse_url)

    def asked() -> str | None:
        context = dg.build_sensor_context(resources={"warehouse": Warehouse()})
        found = alerts.alerts_due(context)
        return found.run_key if isinstance(found, dg.RunRequest) else None

    assert asked() is None, "nothing is due"
    for number in range(4):
        put(connection, [("itsm", "webhook")], budget_id=f"b{number}")
    first = asked()
    assert first
    assert asked() == first, "evaluated twice, it asks once"
    monkeypatch.setattr(Stopped, "minutes", 1)
    second = asked()
    assert second not in (None, first), "a run that came to nothing is asked for again"
    put(connection, [("itsm", "webhook")], budget_id="new")
    assert asked() not in (None, second), "a new alert is another batch"
    assert claim(connection, "run-1", Stopped.now())
    assert asked(), "one run may hang; another goes on"
    assert claim(connection, "run-2", Stopped.now())
    assert asked() is None, "two are enough"
    connection.close()


def test_a_pass_hands_over_what_is_due_itself_and_a_run_by_hand_sends_nothing(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    from usage_pipeline.defs.alerts import alert_deliveries  # noqa: PLC0415
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415
    from usage_pipeline.run_tags import Work  # noqa: PLC0415

    connection = connect(warehouse_url)
    put(connection, [("itsm", "webhook")])
    with robot((204, b"", {})) as server:
        monkeypatch.setenv("ITSM_URL", server.url)
        monkeypatch.setenv("ITSM_SECRET", "s3cr3t-shared")
        assert dg.materialize([alert_deliveries], resources={"warehouse": Warehouse()}).success
        assert server.taken == []
        passed = dg.materialize([alert_deliveries], resources={"warehouse": Warehouse()}, tags=Work.PASS.tags)
        assert passed.success
        (made,) = passed.asset_materializations_for_node("alert_deliveries")
        columns = {column.name: column for column in made.metadata["dagster/column_schema"].value.columns}
        assert columns["delivery_id"].type == "text", "columns come from the warehouse when an asset is materialized"
        assert not columns["delivery_id"].constraints.nullable
        assert columns["held_until"].constraints.nullable
        assert made.metadata["dagster/row_count"].value == 1
        assert len(server.taken) == 1
    assert connection.execute("SELECT state FROM usage.delivery").fetchone() == ("delivered",)
    connection.close()
