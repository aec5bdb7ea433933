"""What the code location defines is what the file beside says: a change that nobody meant is seen."""

import os
import subprocess
import sys

from usage_pipeline.run_tags import Work, days_of, is_backfill, is_scheduled, removable_works, work_of
from usage_pipeline_tests.support.definitions_snapshot import SNAPSHOT


def test_the_definitions_are_those_of_the_snapshot_and_none_is_deprecated() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-m", "usage_pipeline_tests.support.definitions_snapshot"],
        env=os.environ, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == SNAPSHOT.read_text(encoding="utf-8"), (
        "meant? python -m usage_pipeline_tests.support.definitions_snapshot --write"
    )
    # Dagster's own use of pydantic is not ours.
    said = [line for line in done.stderr.splitlines() if "Warning:" in line and "dagster_model" not in line]
    assert not said


def test_tags_of_runs_made_before_a_word_changed_are_understood() -> None:
    assert work_of({"usage_pipeline/work": "morning_report"}) is Work.DAILY_REPORT
    assert work_of({"usage_pipeline/work": "morning"}) is Work.CLOSE_YESTERDAY
    assert is_scheduled({"usage_pipeline/work": "morning_report"}, Work.DAILY_REPORT)
    assert not is_scheduled({"usage_pipeline/work": "morning_report", "dagster/backfill": "b"}, Work.DAILY_REPORT)
    assert work_of({"usage_pipeline/work": "of another"}) is None
    assert work_of({}) is None


def test_only_a_pass_and_late_days_are_no_backfill_and_history_is_not_removed() -> None:
    assert not is_backfill(Work.PASS.tags)
    assert not is_backfill(Work.LATE_DAYS.tags)
    assert is_backfill({})
    assert is_backfill({**Work.PASS.tags, "dagster/backfill": "b"})
    assert Work.DELIVERY in removable_works()
    assert not {Work.DAILY_REPORT, Work.CLOSE_YESTERDAY, Work.OVERRIDE, Work.ACKNOWLEDGE} & {*removable_works()}


def test_the_days_of_a_run_are_its_range_or_its_partition() -> None:
    one = days_of({"dagster/partition": "2026-11-24"})
    assert [str(day) for day in one] == ["2026-11-24"]
    several = {
        "dagster/asset_partition_range_start": "2026-11-29",
        "dagster/asset_partition_range_end": "2026-12-01",
    }
    assert [str(day) for day in days_of(several)] == ["2026-11-29", "2026-11-30", "2026-12-01"]
    assert days_of({}) == []
