"""The job by which people make past days again, or ask what a changed budget would have alerted on, from a form.

Ranges of days are steps of their own, so that a cluster's workers share them: first all days are booked and rolled
up, side by side; then the budgets of all are corrected, by one; then what would have been is written, side by side.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.budget_tables import what_if_table
from usage_pipeline.defs.celery_worker import spread
from usage_pipeline.defs.day_ranges import days_of_range, days_of_run, keep_days, noted, ranges
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.run_tags import Work

_DAYS_BEFORE = 7
Range = dg.DynamicOutput[None]


class PastDays(dg.Config):
    """Which days, and whether they are made again or only asked about."""

    first_day: str = Field(
        default="", description="The first usage date, such as 2026-11-01. Left out: seven days before today."
    )
    last_day: str = Field(default="", description="The last usage date. Left out: yesterday.")
    what_if: bool = Field(
        default=True,
        description="true: only how the budgets would have stood, and on which days they would have alerted, under the"
        " present configuration. false: the days are made again as well: keys, environments, zones, prices, daily"
        " tables and budgets. Nothing is sent either way.",
    )


def asked_days(form: PastDays, today: date) -> list[date]:
    """Returns the days that a form asks for. Raises InputError that names the field."""
    first, last = today - timedelta(days=_DAYS_BEFORE), today - timedelta(days=1)
    return inputs.days_between(
        inputs.day("first_day", form.first_day) if form.first_day.strip() else first,
        inputs.day("last_day", form.last_day) if form.last_day.strip() else last,
    )


_START = {"start": dg.In(dg.Nothing)}
_BOOKED, _WRONG = "events_booked_otherwise", "differences_to_events"


@dg.op(out=dg.DynamicOut(dg.Nothing), description="Finds the days that are asked for, and cuts them into ranges.")
def choose_days(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> Iterator[Range]:
    """A step for each range follows; days that cannot be are refused in words."""
    from usage_pipeline.ingest.recount import prepare_recount

    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        try:
            days = asked_days(config, settings.today())
        except inputs.InputError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        if not config.what_if:
            prepare_recount(connection, settings)
    keep_days(context, days)
    yield from ranges(days)


@dg.op(ins=_START, out=dg.Out(dg.Nothing), description="Books and rolls up the days of a range again.")
def book_days(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> None:
    """Beside other ranges; each is told to the grid at once, which is true when the run is ended half way, too."""
    from usage_pipeline.defs.made_days import day_metadata
    from usage_pipeline.pipeline import book_again
    from usage_pipeline.usage.days import measured_days

    days = days_of_range(context)
    if config.what_if:
        return
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        changed = book_again(connection, configuration, days, prepared=True)
        context.log.info(f"{days[0]} to {days[-1]}: {changed} events booked otherwise")
        for one in measured_days(connection, days):
            metadata = day_metadata(one, configuration.settings.currency)
            context.log_event(dg.AssetMaterialization(one.table, partition=one.day.isoformat(), metadata=metadata))
    context.add_output_metadata({_BOOKED: changed})


@dg.op(ins=_START, out=dg.DynamicOut(dg.Nothing), description="Corrects the budgets of all days, when these are made.")
def correct_budgets(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> Iterator[Range]:
    """One step for all: a month's budget is evaluated when its days are made. A step for each range follows."""
    from usage_pipeline.pipeline import correct_again

    days, wrong = days_of_run(context), 0
    if not config.what_if:
        with warehouse.connection() as connection:
            wrong = len(correct_again(connection, warehouse.configuration(connection), days))
    for number, one in enumerate(ranges(days)):
        context.add_output_metadata({_WRONG: wrong if number == 0 else 0}, mapping_key=one.mapping_key)
        yield one


@dg.op(ins=_START, out=dg.Out(dg.Nothing), description="Evaluates the days of a range under the present configuration.")
def evaluate_days(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> None:
    """Beside other ranges, one day after the other, each in the log."""
    from usage_pipeline.budgets.past_days import what_if_days

    days, all_days = days_of_range(context), days_of_run(context)
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        for day in days:
            what_if_days(connection, configuration, [day])
            number = all_days.index(day) + 1
            context.log.info(f"{day} ({number} of {len(all_days)}): evaluated under the present configuration")
            if not config.what_if:
                context.log_event(dg.AssetMaterialization("budget_status", partition=day.isoformat()))


@dg.op(ins=_START, description="Says what became of the days; nothing was sent.")
def sum_up(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> None:
    """The summary stands in the output's metadata and with budget_status."""
    from usage_pipeline.budgets.past_days import what_if_alerts
    from usage_pipeline.usage.roll_up import changed_days

    days = days_of_run(context)
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        found = what_if_alerts(connection, configuration.version, days)
        waiting = [] if config.what_if else changed_days(connection)
    summary: dict[str, dg.RawMetadataValue] = {
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        "days": len(days),
        "made_again": not config.what_if,
        _BOOKED: sum(noted(context, _BOOKED)),
        "alerts_it_would_have_raised": len(found),
        "would_have_alerted": what_if_table(configuration.settings, found),
        _WRONG: sum(noted(context, _WRONG)),
        "days_that_the_next_pass_makes": ", ".join(str(day) for day in waiting) or "none",
        "configuration_version": configuration.version,
        "sent": "nothing",
    }
    context.log_event(dg.AssetObservation("budget_status", metadata=summary))
    context.add_output_metadata(summary)


_STEPS = (choose_days, book_days, correct_budgets, evaluate_days, sum_up)


@dg.graph(name="make_days_again")
def _made_again() -> None:
    booked = choose_days().map(lambda start: book_days(start=start))
    evaluated = correct_budgets(start=booked.collect()).map(lambda start: evaluate_days(start=start))
    sum_up(start=evaluated.collect())


make_days_again = _made_again.to_job(
    tags=Work.BACKFILL.tags,
    description="Makes past days again after a change of budgets, prices, keys or zones, or only asks what would have"
    " alerted (what_if). As it stands it asks for the last seven days. Sends nothing.",
    config=dg.ConfigMapping(
        config_schema=PastDays.to_fields_dict(),
        config_fn=lambda given: {"ops": {step.name: {"config": given} for step in _STEPS}},
    ),
    executor_def=spread(),
    op_retry_policy=dg.RetryPolicy(max_retries=1, delay=5),
)

defs = dg.Definitions(jobs=[make_days_again])
