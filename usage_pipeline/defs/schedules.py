"""When things run by themselves: the pass, the morning, the removal of old runs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from usage_pipeline.defs.jobs import (
    invoices_covered,
    morning,
    morning_report,
    old_alerts_removed,
    reconcile_days,
    remove_old_runs,
    usage_pass,
    watch_pipeline,
)
from usage_pipeline.defs.reconciliation import DAYS_CHECKED
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import MORNING_REPORT, PASS, RECONCILE, WORK_TAG, settings_at_load

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


def _at(time_of_day: str) -> str:
    hour, minute = (int(part) for part in time_of_day.split(":"))
    return f"{minute} {hour} * * *"


@dg.schedule(
    job=morning_report,
    name="every_morning_report",
    cron_schedule=_at(settings_at_load().reports.daily_at),
    execution_timezone=settings_at_load().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Writes yesterday's report, and the one before again: it may have been provisional.",
)
def report_every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday in the billing zone; where a tenant's own day is not over by then, the report says provisional."""
    today = settings_at_load().today(context.scheduled_execution_time or datetime.now(UTC))
    first = max(today - timedelta(days=2), settings_at_load().usage_from)
    return dg.RunRequest(
        tags={WORK_TAG: MORNING_REPORT, **range_tags(first.isoformat(), (today - timedelta(days=1)).isoformat())}
    )


hourly_removal = dg.ScheduleDefinition(
    name="every_hour",
    job=remove_old_runs,
    cron_schedule="23 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes runs of the pass and of delivery that are older than two days.",
)


def _reconcile(first: date, last: date) -> dg.RunRequest:
    return dg.RunRequest(tags={WORK_TAG: RECONCILE, **range_tags(first.isoformat(), last.isoformat())})


@dg.schedule(
    job=reconcile_days,
    cron_schedule="41 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles yesterday and today, and each day that did not fit when it was compared last.",
)
def every_hour_reconcile(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> Iterator[dg.RunRequest]:
    """An hour is what a wrong figure may stand unseen; the days cost a few seconds, most of it on what is new."""
    today = settings_at_load().today(context.scheduled_execution_time or datetime.now(UTC))
    yesterday = today - timedelta(days=1)
    yield _reconcile(yesterday, today)
    with warehouse.connection() as connection:
        days = connection.execute(
            "SELECT DISTINCT usage_date FROM usage.reconciliation WHERE state IN ('red', 'healed')"
            " AND usage_date < %s AND usage_date > %s ORDER BY 1",
            [yesterday, today - timedelta(days=DAYS_CHECKED)],
        ).fetchall()
    for (day,) in days:
        if isinstance(day, date):
            yield _reconcile(day, day)


@dg.schedule(
    job=reconcile_days,
    cron_schedule="20 1 * * *",
    execution_timezone=settings_at_load().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles the last 35 days, before Dify's own nightly clean-up deletes what is 30 days old.",
)
def every_night_reconcile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Finds rows that were inserted or changed at the source after the look-back, and marks what is gone."""
    today = settings_at_load().today(context.scheduled_execution_time or datetime.now(UTC))
    first = max(today - timedelta(days=DAYS_CHECKED), settings_at_load().usage_from)
    return _reconcile(first, today)


nightly_coverage = dg.ScheduleDefinition(
    name="every_night_invoices",
    job=invoices_covered,
    cron_schedule="50 1 * * *",
    execution_timezone=settings_at_load().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Holds what was counted against the imported invoices.",
)

nightly_removal = dg.ScheduleDefinition(
    name="every_night_old_alerts",
    job=old_alerts_removed,
    cron_schedule="10 2 * * *",
    execution_timezone=settings_at_load().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes alerts older than alerting.keep_days.",
)

five_minutes = dg.ScheduleDefinition(
    name="every_five_minutes",
    job=watch_pipeline,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks whether passes, channels and sources do what they should.",
)

SCHEDULES = [
    every_minute,
    before_the_report,
    report_every_morning,
    hourly_removal,
    every_hour_reconcile,
    every_night_reconcile,
    nightly_coverage,
    nightly_removal,
    five_minutes,
]
