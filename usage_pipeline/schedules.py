"""When things run by themselves: the pass, the morning, the removal of old runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from usage_pipeline.asset_catalogue import PASS, WORK_TAG, settings_at_load
from usage_pipeline.jobs import morning, remove_old_runs, usage_pass

_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags by which one run covers a range of daily partitions."""
    return {_RANGE_START: first, _RANGE_END: last}


def pass_tags(now: datetime) -> dict[str, str]:
    """The tags of a pass: yesterday, today, and tomorrow for tenants whose zone is ahead."""
    today = settings_at_load().today(now)
    return {
        WORK_TAG: PASS,
        **range_tags((today - timedelta(days=1)).isoformat(), (today + timedelta(days=1)).isoformat()),
    }


@dg.schedule(
    job=usage_pass,
    cron_schedule=f"*/{settings_at_load().schedule.every_minutes} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    execution_timezone="UTC",
    description="The pass, each minute unless schedule.every_minutes says otherwise; never two at once.",
)
def every_minute(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Asks for a pass unless one is waiting or running: a slow pass must not pile up a queue behind it."""
    under_way = context.instance.get_runs_count(RunsFilter(tags={WORK_TAG: PASS}, statuses=_UNFINISHED))
    if under_way:
        yield dg.SkipReason("a pass is under way")
        return
    yield dg.RunRequest(tags=pass_tags(context.scheduled_execution_time or datetime.now(UTC)))


def _an_hour_before(time_of_day: str) -> str:
    hour, minute = (int(part) for part in time_of_day.split(":"))
    return f"{minute} {(hour - 1) % 24} * * *"


before_the_report = dg.ScheduleDefinition(
    name="every_morning",
    job=morning,
    cron_schedule=_an_hour_before(settings_at_load().reports.daily_at),
    execution_timezone=settings_at_load().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Closes yesterday an hour before the morning report.",
)

hourly_removal = dg.ScheduleDefinition(
    name="every_hour",
    job=remove_old_runs,
    cron_schedule="23 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes runs of the pass and of delivery that are older than two days.",
)

SCHEDULES = [every_minute, before_the_report, hourly_removal]
