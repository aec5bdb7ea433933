"""By which passes of Dagster's a warehouse sees that it was restored: whole ones, by the run that they began with."""

from types import SimpleNamespace
from typing import Any

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus

from usage_pipeline.run_tags import Work


def test_whole_passes_that_came_to_their_end_count_by_the_first_of_their_runs() -> None:
    from usage_pipeline.defs.ingest import _newest_passes  # noqa: PLC0415  (reads the configuration when it is loaded)

    def run(run_id: str, **other: Any) -> DagsterRun:
        fields = {"status": DagsterRunStatus.SUCCESS, "tags": Work.PASS.tags} | other
        return DagsterRun(job_name="usage_pass", run_id=run_id, **fields)

    with dg.DagsterInstance.ephemeral() as instance:
        for made in (
            run("whole"),
            run("failed", status=DagsterRunStatus.FAILURE),
            run("its second run", root_run_id="failed", parent_run_id="failed"),
            run("one asset", asset_selection=frozenset({dg.AssetKey("budget_status")})),
            run("of another job", tags=Work.DELIVERY.tags),
            run("this one"),
        ):
            instance.add_run(made)
        context: Any = SimpleNamespace(instance=instance, run_id="this one")
        assert sorted(_newest_passes(context)) == ["failed", "whole"]
