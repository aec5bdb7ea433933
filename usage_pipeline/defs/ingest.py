"""Reading the sources: the asset usage_events with its checks, the pass, and the closing of yesterday."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import (
    asset_job,
    check_names,
    daily_at,
    described,
    one_op_job,
    pass_of,
    settings_at_load,
    table_metadata,
    tag_run,
    tags_of_pass,
)
from usage_pipeline.defs.tables import listed
from usage_pipeline.run_tags import WORK_TAG, Work, is_scheduled

if TYPE_CHECKING:
    from usage_pipeline.ingest.health import SourceHealth

_FRESH_WITHIN = timedelta(minutes=15)
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_BEFORE_THE_REPORT = timedelta(hours=1)
# The warehouse keeps its records of passes for 30 days.
_PASSES_ARE_KEPT = timedelta(days=20)
_PASSES_LOOKED_AT = 10
_OFTEN = settings_at_load().schedule.every_seconds is not None


@dg.asset(
    group_name="ingest", kinds={"postgres", "sql"}, metadata=described("usage_event"), tags={"domain": "counting"}
)
def usage_events(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row a usage event: the smallest unit that Dify billed, read incrementally, each token once.

    A message of a basic app, or a model-calling leaf node of a workflow run; what only a run's total knows is its
    residual. Sources are read only, side by side: one that fails or hangs is red in its check and holds up no other.
    """
    from usage_pipeline.pipeline import ALERT_ON_SOURCES, BEGIN, READ_SOURCES, run_steps

    steps = (BEGIN, READ_SOURCES, ALERT_ON_SOURCES) if is_scheduled(context.run.tags, Work.PASS) else (READ_SOURCES,)
    with warehouse.connection() as connection:
        summary = run_steps(pass_of(context, warehouse, connection, _newest_passes(context)), *steps)
        table = table_metadata(connection, "usage_event", estimated=True)
    if summary.restored:
        context.log.error(summary.restored)
    for error in summary.source_errors.values():
        context.log.error(error)
    read = ((result.source_id, "read") for result in summary.ingested)
    tag_run(context, source=[*((source, "failed") for source in summary.source_errors), *read])
    for words in summary.sources_behind.values():
        context.log.error(words)
    return dg.MaterializeResult(
        metadata={
            **table,
            "events_changed": sum(result.events_changed for result in summary.ingested),
            "open_rows_read": sum(result.open_rows_read for result in summary.ingested),
            "sources_read": [result.source_id for result in summary.ingested],
            "sources_failed": sorted(summary.source_errors),
            "sources_behind": sorted(summary.sources_behind),
            "sources_to_go_on_with": [result.source_id for result in summary.ingested if not result.finished],
            "alerts_raised": summary.alerts,
        }
    )


def _lag(source: "SourceHealth") -> dict[str, float]:
    """How long ago the source was read to its end, in minutes; nothing where it never was."""
    if source.last_success_at is None:
        return {}
    return {"lag_minutes": round((datetime.now(UTC) - source.last_success_at).total_seconds() / 60, 2)}


def _newest_passes(context: dg.AssetExecutionContext) -> list[str]:
    """The newest passes before this one that came to their end; of one that was executed again, the first of its runs.

    Runs of some of the assets are no passes.
    """
    since = datetime.now(UTC) - _PASSES_ARE_KEPT
    passes = dg.RunsFilter(tags=Work.PASS.tags, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=since)
    runs = [record.dagster_run for record in context.instance.get_run_records(passes, limit=_PASSES_LOOKED_AT)]
    whole = (run for run in runs if run.asset_selection is None and run.run_id != context.run_id)
    return [run.root_run_id or run.run_id for run in whole]


def _sources_fresh() -> dg.AssetChecksDefinition:
    """The checks of the sources that the configuration has when the code location is loaded."""
    names = check_names("source_fresh", [source.id for source in settings_at_load().sources])

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(
                name,
                asset="usage_events",
                description=f"The source {source_id} was read to its end within the last 15 minutes.",
            )
            for source_id, name in names.items()
        ],
        name="sources_fresh",
    )
    def sources_fresh(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        """One check a source: red when it could not be read, with the error; a warning while it is read for the first
        time and not at its end yet."""
        from usage_pipeline.ingest.health import source_health

        with warehouse.connection() as connection:
            found = source_health(connection, list(names), _FRESH_WITHIN)
        for source in found:
            yield dg.AssetCheckResult(
                asset_key="usage_events",
                check_name=names[source.source],
                passed=source.fresh,
                severity=dg.AssetCheckSeverity.WARN if source.beginning else dg.AssetCheckSeverity.ERROR,
                metadata={
                    "error": source.last_error
                    or source.behind
                    or ("" if source.fresh else "it was not read to its end yet"),
                    "last_read_to_its_end": str(source.last_success_at or "never"),
                    "read_up_to": str(source.read_up_to or "nothing yet"),
                    **({"replica_replayed_up_to": str(source.replayed_up_to or "unknown")} if source.behind else {}),
                    **_lag(source),
                },
            )

    return sources_fresh


@dg.asset_check(
    asset=usage_events,
    description="Nothing in the sources is unexplained: unreadable rows, unknown node types, missing columns or runs.",
)
def nothing_unexplained(warehouse: Warehouse) -> dg.AssetCheckResult:
    """A warning that lists what could not be read; it is counted as far as it can be."""
    from usage_pipeline.ingest.health import problem_count
    from usage_pipeline.warehouse.statements import statement

    with warehouse.connection() as connection:
        problems = problem_count(connection)
        newest = listed(connection, statement("ingest/newest_problems"))
    return dg.AssetCheckResult(
        passed=problems == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"problems": problems, "newest": newest},
    )


usage_pass = asset_job(
    "usage_pass",
    # What hangs on a console or on the source's own sums has runs of its own: it may take longer than a pass should.
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.groups("reconciliation", "reports")
    - dg.AssetSelection.assets("enforcement_state"),
    tags=Work.PASS.tags,
    description="Reads the sources, rolls up, evaluates the budgets, writes and delivers alerts. Runs by schedule.",
)


def _cron(every_minutes: int) -> str:
    """Cron counts within the hour: what does not divide it is asked each minute and skipped."""
    return f"*/{every_minutes} * * * *" if 60 % every_minutes == 0 and every_minutes < 60 else "* * * * *"


def is_due(at: datetime | None, every_minutes: int) -> bool:
    """Whether a minute (aware) is one of those that lie evenly ``every_minutes`` apart, whatever the hour."""
    return at is None or int(at.timestamp()) // 60 % every_minutes == 0


# No AutomationCondition: nothing upstream in Dagster changes before a pass has looked whether Dify has.
@dg.schedule(
    job=usage_pass,
    cron_schedule=_cron(settings_at_load().schedule.every_minutes),
    tags={"domain": "counting"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    execution_timezone="UTC",
    description="The pass, each minute unless schedule.every_minutes says otherwise; never two at once.",
)
def usage_pass_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Asks for a pass unless one is waiting or running: a slow pass must not pile up a queue behind it."""
    if not is_due(context.scheduled_execution_time, settings_at_load().schedule.every_minutes):
        yield dg.SkipReason("not every minute (schedule.every_minutes)")
        return
    yield _next_pass(context.instance, context.scheduled_execution_time)


def _next_pass(instance: dg.DagsterInstance, at: datetime | None) -> dg.RunRequest | dg.SkipReason:
    if instance.get_runs_count(dg.RunsFilter(tags={WORK_TAG: Work.PASS}, statuses=_UNFINISHED)):
        return dg.SkipReason("a pass is under way")
    return dg.RunRequest(tags=tags_of_pass(at))


# No run_key: it would be another one each time. A tick that is evaluated twice asks for a pass that finds nothing new.
@dg.sensor(
    job=usage_pass,
    minimum_interval_seconds=settings_at_load().schedule.every_seconds,
    tags={"domain": "counting"},
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="The pass, every few seconds (schedule.every_seconds), instead of the schedule; never two at once.",
)
def usage_pass_often(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for a pass as soon as the one before has ended; cron knows no seconds."""
    return _next_pass(context.instance, None)


@dg.op(description="Reads the long look-back of every source again, so that yesterday is closed before it is reported.")
def read_look_back(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Late events mark their days as changed; the sensor for late days rolls them up."""
    from usage_pipeline.ingest.read_all_sources import read_all_sources
    from usage_pipeline.usage.roll_up import changed_days

    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        results, errors = read_all_sources(connection, settings, sweep=True)
        days = changed_days(connection)
    context.log.info(f"{sum(r.events_changed for r in results)} events changed; days to roll up: {days}")
    if errors:
        raise dg.Failure("; ".join(errors.values()))


close_yesterday = one_op_job(
    "close_yesterday",
    read_look_back,
    Work.CLOSE_YESTERDAY,
    "Closes yesterday: reads the whole look-back of every source again. Runs by schedule before the daily report.",
)

close_yesterday_schedule = dg.ScheduleDefinition(
    name="close_yesterday_schedule",
    job=close_yesterday,
    cron_schedule=daily_at(settings_at_load().reports.daily_at, earlier=_BEFORE_THE_REPORT),
    execution_timezone=settings_at_load().timezone,
    tags={"domain": "counting"},
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Closes yesterday an hour before the daily report.",
)

defs = dg.Definitions(
    assets=[usage_events],
    asset_checks=[*([_sources_fresh()] if settings_at_load().sources else []), nothing_unexplained],
    jobs=[usage_pass, close_yesterday],
    schedules=[close_yesterday_schedule] if _OFTEN else [usage_pass_schedule, close_yesterday_schedule],
    sensors=[usage_pass_often] if _OFTEN else [],
)
