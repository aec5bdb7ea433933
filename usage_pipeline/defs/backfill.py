"""The job by which people make past days again, or ask what a changed budget would have alerted on, from a form."""

from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from usage_pipeline import inputs
from usage_pipeline.defs.budget_tables import what_if_table
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import one_op_job, tag_run
from usage_pipeline.run_tags import Work

_DAYS_BEFORE = 7


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


@dg.op(description="Makes past days again, or only asks what would have alerted on them; sends nothing.")
def make_past_days(context: dg.OpExecutionContext, config: PastDays, warehouse: Warehouse) -> None:
    """One day after the other, each in the log; the summary stands in the output's metadata and with budget_status."""
    from usage_pipeline.budgets.past_days import what_if_alerts, what_if_days
    from usage_pipeline.pipeline import make_again
    from usage_pipeline.usage.roll_up import changed_days

    booked, wrong = 0, 0
    with warehouse.connection() as connection:
        configuration = warehouse.configuration(connection)
        settings = configuration.settings
        try:
            days = asked_days(config, settings.today())
        except inputs.InputError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        tag_run(context, days=[("first", str(days[0])), ("last", str(days[-1]))])
        for number, day in enumerate(days, start=1):
            if config.what_if:
                what_if_days(connection, configuration, [day])
                context.log.info(f"{day} ({number} of {len(days)}): evaluated under the present configuration")
                continue
            made = make_again(connection, configuration, [day])
            booked, wrong = booked + made.events_changed, wrong + len(made.differences)
            context.log.info(f"{day} ({number} of {len(days)}): {made.events_changed} events booked otherwise")
            _report(context, warehouse, day)
        found = what_if_alerts(connection, configuration.version, days)
        waiting = [] if config.what_if else changed_days(connection)
    summary: dict[str, dg.RawMetadataValue] = {
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        "days": len(days),
        "made_again": not config.what_if,
        "events_booked_otherwise": booked,
        "alerts_it_would_have_raised": len(found),
        "would_have_alerted": what_if_table(settings, found),
        "differences_to_events": wrong,
        "days_that_the_next_pass_makes": ", ".join(str(day) for day in waiting) or "none",
        "configuration_version": configuration.version,
        "sent": "nothing",
    }
    context.log_event(dg.AssetObservation("budget_status", metadata=summary))
    context.add_output_metadata(summary)


def _report(context: dg.OpExecutionContext, warehouse: Warehouse, day: date) -> None:
    """Says at once that the day is made: a run that is ended half way leaves a true grid."""
    from usage_pipeline.defs.made_days import day_metadata
    from usage_pipeline.usage.days import measured_days

    with warehouse.connection() as connection:
        settings, measured = warehouse.configuration(connection).settings, measured_days(connection, [day])
    metadata = {one.table: day_metadata(one, settings.currency) for one in measured} | {"budget_status": {}}
    for asset, figures in metadata.items():
        context.log_event(dg.AssetMaterialization(asset, partition=day.isoformat(), metadata=figures))


make_days_again = one_op_job(
    "make_days_again",
    make_past_days,
    Work.BACKFILL,
    "Makes past days again after a change of budgets, prices, keys or zones, or only asks what would have alerted"
    " (what_if). As it stands it asks for the last seven days. Sends nothing.",
    form=PastDays,
)

defs = dg.Definitions(jobs=[make_days_again])
