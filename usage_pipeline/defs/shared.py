"""What the definitions have in common: partitions, metadata, the steps of a pass, frames of jobs, names of checks."""

import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline import inputs
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.run_tags import Work, days_of, is_backfill, pass_tags
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.settings.environment import config_path
from usage_pipeline.settings.first_day import first_day
from usage_pipeline.settings.last_valid import settings_to_load

if TYPE_CHECKING:
    from usage_pipeline.pipeline import Pass
    from usage_pipeline.warehouse.connection import Connection

# Single-run backfills are "beta" by Dagster's word; saying so at each import would only hide what matters.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

_TAGS_OF_A_KIND = 20

# What a job over assets is made by. A server that restarts fails a step once; what fails twice is looked at.
asset_job = partial(dg.define_asset_job, op_retry_policy=dg.RetryPolicy(max_retries=1, delay=5))


def one_op_job(
    name: str, op: dg.OpDefinition, work: Work, description: str, *, form: type[dg.Config] | None = None
) -> dg.JobDefinition:
    """A job that is one op. The fields of ``form``, the op's configuration, are the job's own: no op need be named."""
    asked = None
    if form is not None:
        asked = dg.ConfigMapping(
            config_schema=form.to_fields_dict(), config_fn=lambda given: {"ops": {op.name: {"config": given}}}
        )
    graph = dg.GraphDefinition(name=name, node_defs=[op])
    return graph.to_job(tags=work.tags, description=description, config=asked)


def who_decides() -> str:
    """Returns whom a form takes as deciding, in words; the decision itself goes by the active configuration."""
    names = ", ".join(settings_at_load().approvals.approvers) or "nobody yet: name some under approvals.approvers"
    return f"An approver of the configuration, who is not the requester: {names}. Anybody else is refused."


def who_acts() -> str:
    """Returns whom a form takes as acting, in words; the deed itself goes by the active configuration."""
    names = ", ".join(people_of(settings_at_load())) or "nobody yet: name some under approvals.people"
    return f"Who does it, as the configuration writes the name: {names}. Anybody else is refused."


def people_of(settings: Settings) -> list[str]:
    """Returns whom the configuration knows, in its order: approvers, people and recipients."""
    return list(dict.fromkeys((*settings.approvals.approvers, *settings.approvals.people, *settings.recipients)))


def typed_person(settings: Settings, field: str, name: str) -> str:
    """Returns whom a name stands for that was typed into a job; Dagster itself knows nobody.

    Raises InputError for a name that the configuration does not have: what is on record is never free text.
    """
    given, known = inputs.named_actor(field, name), people_of(settings)
    if given not in known:
        listed = ", ".join(known) or "nobody"
        raise inputs.InputError(
            f"{field} {inputs.shown(given)} is nobody that the configuration knows; write one of: {listed}."
            " Others are named under approvals.people"
        )
    return settings.approvals.person(KnownBy.DAGSTER, given)


@cache
def settings_at_load() -> Settings:
    """The configuration as it was when the code location was loaded: for zones, schedules and lists of budgets."""
    return settings_to_load(config_path())


@cache
def usage_days() -> dg.DailyPartitionsDefinition:
    """A partition a usage date, from the first one to the last that has begun in any zone that days are cut in."""
    settings = settings_at_load()
    # A pass takes yesterday along, also on the very first day.
    start = min(first_day(settings), settings.today() - timedelta(days=2))
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone=settings.foremost_zone(), end_offset=1)


def tags_of_pass(at: datetime | None = None) -> dict[str, str]:
    """Returns the tags of a pass at a moment (aware; now): from yesterday to the last day that has begun anywhere."""
    settings = settings_at_load()
    return pass_tags(settings.today(at), settings.newest_day(at))


def partition_days(context: dg.AssetExecutionContext) -> list[date]:
    """The days that a run was asked for."""
    return [date.fromisoformat(key) for key in context.partition_keys]


def today_at(context: dg.ScheduleEvaluationContext) -> date:
    """The day in the billing zone at a schedule's tick."""
    return settings_at_load().today(context.scheduled_execution_time or datetime.now(UTC))


def daily_at(time_of_day: str, *, earlier: timedelta = timedelta(0)) -> str:
    """The cron words of a time of day such as 08:30, or of one so much earlier."""
    hour, minute = (int(part) for part in time_of_day.split(":"))
    minutes = (hour * 60 + minute - int(earlier.total_seconds()) // 60) % (24 * 60)
    return f"{minutes % 60} {minutes // 60} * * *"


def pass_of(
    context: dg.AssetExecutionContext, warehouse: Warehouse, connection: "Connection", newest_passes: Sequence[str] = ()
) -> "Pass":
    """The pass that the run is, for the steps that an asset stands for."""
    from usage_pipeline.pipeline import Pass

    return Pass(
        connection,
        warehouse.configuration,
        by=context.run.run_id,
        pass_id=context.run.run_id,
        days=days_of(context.run.tags),
        bounded=True,
        newest_passes=newest_passes,
        progress=lambda p: context.log.info(f"{p.source_id}: read up to {p.read_up_to}, {p.events_changed} changed"),
        rolled_up=lambda done, of: context.log.info(f"{done} of {of} days rolled up"),
        anew=is_backfill(context.run.tags),
    )


def tag_run(context: dg.AssetExecutionContext | dg.OpExecutionContext, **found: Iterable[tuple[str, str]]) -> None:
    """Puts on a run what it was about, so that it can be searched: ``source=[("main", "read")]`` is the tag
    ``usage_pipeline/source.main: read``. Of each kind, some: a run about hundreds is found by its time.
    """
    tags = {
        f"usage_pipeline/{kind}.{name}": value
        for kind, pairs in found.items()
        for name, value in [*pairs][:_TAGS_OF_A_KIND]
    }
    if tags:
        context.instance.add_run_tags(context.run_id, tags)


def described(table: str) -> dict[str, str]:
    """Metadata of an asset that is a warehouse table, known before it is materialized."""
    return {"dagster/table_name": f"usage.{table}", "dagster/storage_kind": "postgres"}


def table_metadata(connection: "Connection", table: str, *, estimated: bool = False) -> dict[str, int | dg.TableSchema]:
    """Metadata of a materialization: the table's columns with their comments, and how many rows it has."""
    from usage_pipeline.warehouse.tables import estimated_rows, row_count

    rows = estimated_rows(connection, table) if estimated else row_count(connection, table)
    return {"dagster/row_count": rows, **column_schema(connection, table)}


def column_schema(connection: "Connection", table: str) -> dict[str, dg.TableSchema]:
    """A warehouse table's columns, as Dagster shows them."""
    from usage_pipeline.warehouse.tables import columns

    return {
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(
                    column.name,
                    column.kind,
                    description=column.comment,
                    constraints=dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in columns(connection, table)
            ]
        )
    }


def run_key(prefix: str, parts: Iterable[object]) -> str:
    """A key by which one run is asked for, however often a sensor's tick is evaluated; another one for other parts."""
    text = "\n".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def check_names(prefix: str, ids: Sequence[str]) -> dict[str, str]:
    """The check of each id, in what Dagster allows in names; told apart where two would be one."""
    found: dict[str, str] = {}
    for given in ids:
        name = f"{prefix}_" + re.sub(r"[^A-Za-z0-9_]", "_", given)
        others = (f"{name}_{number}" for number in count(2))
        found[given] = name if name not in found.values() else next(n for n in others if n not in found.values())
    return found
