"""What the daemon does: failed passes are told with their run, urgent runs overtake, runs bear what they were about."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from usage_pipeline.alerts.history import budgets_of_alerts
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import tag_run
from usage_pipeline.ingest.pass_record import begin_pass, end_pass
from usage_pipeline.run_tags import Work
from usage_pipeline.settings.environment import project_dir, run_page
from usage_pipeline.warehouse.connection import Connection

CONFIG = """version: 1
recipients: {ops: {channel: wecom, secret_env: OPS}}
alerting: {ops: [ops]}
"""


@dg.op
def breaks() -> None:
    """As a pass may."""
    raise RuntimeError("it breaks")


def test_a_failed_pass_is_told_with_the_link_to_its_run(
    warehouse: Connection, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    monkeypatch.setenv("USAGE_PIPELINE_UI_URL", "https://dagster.example.com/")
    from usage_pipeline.defs.watch import failed_passes  # noqa: PLC0415  (reads the configuration when loaded)

    job = dg.GraphDefinition(name="usage_pass", node_defs=[breaks]).to_job(tags=Work.PASS.tags)
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance, raise_on_error=False)
        begin_pass(warehouse, run.run_id, datetime.now(UTC))
        end_pass(warehouse, run.run_id, datetime.now(UTC), "RuntimeError")
        said = [
            failed_passes(
                dg.build_run_status_sensor_context(
                    sensor_name="failed_passes",
                    dagster_event=run.get_run_failure_event(),
                    dagster_instance=instance,
                    dagster_run=run.dagster_run,
                ).for_run_failure(),
                warehouse=Warehouse(),
            )
            for _ in range(2)
        ]
    assert ["told already" in str(skipped.skip_message) for skipped in said if isinstance(skipped, dg.SkipReason)] == [
        False, True
    ]  # fmt: skip
    facts = warehouse.execute("SELECT facts ->> 'link', facts ->> 'answer' FROM usage.alert").fetchall()
    assert facts == [(f"https://dagster.example.com/runs/{run.run_id}", "RuntimeError")]
    waiting = warehouse.execute("SELECT recipient FROM usage.delivery").fetchall()
    assert waiting == [("ops",)]


def test_without_an_address_there_is_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USAGE_PIPELINE_UI_URL", raising=False)
    assert run_page("r") is None


def test_what_notifies_and_stops_overtakes_what_counts_and_that_what_may_wait() -> None:
    def urgency(work: Work) -> int:
        return int(work.tags["dagster/priority"])

    assert min(urgency(Work.DELIVERY), urgency(Work.ENFORCE), urgency(Work.ACKNOWLEDGE)) > urgency(Work.PASS)
    assert urgency(Work.WATCH) > urgency(Work.PASS) > urgency(Work.LATE_DAYS) > urgency(Work.BACKFILL)
    # What people launch has no tag of ours and stands at 0: before a backfill, behind whatever is asked for by a clock.
    assert urgency(Work.PASS) > 0 > urgency(Work.BACKFILL)


def test_days_launched_one_by_one_never_take_all_places() -> None:
    concurrency = yaml.safe_load((project_dir() / "dagster.yaml").read_text(encoding="utf-8"))["concurrency"]["runs"]
    limits = {(each["key"], each.get("value")): each["limit"] for each in concurrency["tag_concurrency_limits"]}
    waiting = [("dagster/partition", None), ("dagster/backfill", None), ("usage_pipeline/work", "backfill")]
    assert sum(limits[one] for one in waiting) < concurrency["max_concurrent_runs"]


def test_a_run_bears_what_it_was_about(warehouse: Connection) -> None:
    warehouse.execute(
        "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts) VALUES"
        " ('B1', 'budget', 'company', '', now(), 80, 'warning', '{}'),"
        " ('S1', 'source', 'main', '', now(), 0, 'critical', '{}')"
    )

    @dg.op
    def looks(context: dg.OpExecutionContext) -> None:
        raised = [(f"A{number}", "raised") for number in range(500)]
        budgets = budgets_of_alerts(warehouse, ["B1", "S1"])
        tag_run(context, source=[("main", "read"), ("away", "failed")], budget=budgets, alert=raised)
        tag_run(context, alert=[])

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.GraphDefinition(name="looks", node_defs=[looks]).to_job().execute_in_process(instance=instance)
        run = instance.get_run_by_id(done.run_id)
        found = instance.get_runs(dg.RunsFilter(tags={"usage_pipeline/source.away": "failed"}))
    assert run
    assert [each.run_id for each in found] == [done.run_id]
    ours = {name: value for name, value in run.tags.items() if name.startswith("usage_pipeline/")}
    assert len(ours) < 30, "of hundreds, some"
    assert ours["usage_pipeline/budget.company"] == "warning"


def test_every_schedule_and_sensor_is_named_described_and_grouped() -> None:
    from usage_pipeline.definitions import defs  # noqa: PLC0415  (reads the configuration when loaded)

    repository = defs.get_repository_def()
    for each in (*repository.schedule_defs, *repository.sensor_defs):
        assert each.description and each.description.endswith("."), each.name
        assert each.tags.get("domain"), each.name
        assert not each.name.startswith("every_"), each.name
    for job in repository.get_all_jobs():
        assert job.name.startswith("__") or job.description, job.name
