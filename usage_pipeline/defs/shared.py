"""What all assets have in common: partitions, owners, tags of runs, column schemas read from the warehouse."""

import re
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from itertools import count

import dagster as dg
import psycopg

from usage_pipeline.configuration import active_configuration
from usage_pipeline.settings import Settings, SettingsError
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.location import warehouse_url
from usage_pipeline.warehouse.schema import migrate

# Single-run backfills are "beta" by Dagster's word; saying so at each import would only hide what matters.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

OWNERS = ["team:platform"]
WORK_TAG = "usage_pipeline/work"
PASS = "pass"  # noqa: S105  (a pass over the sources)
LATE_DAYS = "late_days"
RECONCILE = "reconcile"
MORNING_REPORT = "morning_report"
ENFORCE = "enforce"
# One process a run: a pass is a few seconds of SQL, and each further process would pay the imports again.
EXECUTOR = dg.in_process_executor


@cache
def settings_at_load() -> Settings:
    """The configuration as it was when the code location was loaded: for zones, schedules and lists of budgets."""
    url = warehouse_url()
    migrate(url)
    try:
        with connected(url) as connection:
            return active_configuration(connection, config_path()).settings
    except (SettingsError, psycopg.Error):
        # The UI must come up all the same: the passes then say what is wrong.
        return Settings(version=1)


@cache
def usage_days() -> dg.DailyPartitionsDefinition:
    """A partition a usage date, today included, and tomorrow for tenants whose zone is ahead of the billing zone."""
    settings = settings_at_load()
    return dg.DailyPartitionsDefinition(
        start_date=settings.usage_from.isoformat(), timezone=settings.timezone, end_offset=2
    )


def partition_days(context: dg.AssetExecutionContext) -> list[date]:
    """The days that a run was asked for."""
    return [date.fromisoformat(key) for key in context.partition_keys]


def is_pass(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> bool:
    """Whether this run is a pass: only a pass may raise alerts, a backfill or a hand-made run never does."""
    return context.run.tags.get(WORK_TAG) == PASS and "dagster/backfill" not in context.run.tags


def is_backfill(context: dg.AssetExecutionContext) -> bool:
    """Whether people asked for these days: neither a pass nor the roll-up of days that a pass changed."""
    return not is_pass(context) and context.run.tags.get(WORK_TAG) != LATE_DAYS


def column_schema(table: str) -> dg.TableSchema:
    """A warehouse table's columns, as Dagster shows them."""
    try:
        with connected(warehouse_url()) as connection:
            rows = connection.execute(
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a"
                " WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                [f"usage.{table}"],
            ).fetchall()
    except psycopg.Error:
        rows = []
    return dg.TableSchema(
        [
            dg.TableColumn(str(name), str(kind), constraints=dg.TableColumnConstraints(nullable=not required))
            for name, kind, required in rows
        ]
    )


def described(table: str) -> dict[str, object]:
    """Metadata of an asset that is a warehouse table."""
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/table_name": f"usage.{table}",
        "dagster/storage_kind": "postgres",
    }


def table_of(connection: Connection, columns: Sequence[str], query: str, parameters: Sequence[object]) -> str:
    """A query's rows as a Markdown table, for metadata; names are escaped, they come from Dify's users."""
    return markdown_table(columns, connection.execute(query.encode(), list(parameters)).fetchall())


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as a Markdown table; names in it are escaped."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = "" if value is None else str(value)
    for mark in ("\\", "|", "`", "*", "_", "<", ">", "[", "]"):
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())[:200]


def check_names(prefix: str, ids: Sequence[str]) -> dict[str, str]:
    """The check of each id, in what Dagster allows in names; told apart where two would be one."""
    found: dict[str, str] = {}
    for given in ids:
        name = f"{prefix}_" + re.sub(r"[^A-Za-z0-9_]", "_", given)
        others = (f"{name}_{number}" for number in count(2))
        found[given] = name if name not in found.values() else next(n for n in others if n not in found.values())
    return found
