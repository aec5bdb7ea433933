"""Plays the demo: a Dify with sixty days of usage, and the whole job on it, through Dagster."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from usage_pipeline.demo.place import make_place
from usage_pipeline.fake_dify.history import History, build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.world import ZONES
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.run_tags import Work, range_tags
from usage_pipeline.settings import load_settings
from usage_pipeline.settings.environment import config_path
from usage_pipeline.usage.roll_up import changed_days
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.demo_databases import DIFY_DATABASE
from usage_pipeline.warehouse.location import embedded, prepare_dagster_environment, warehouse_url
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.schema import migrate

SEED = 20_26
_ROUNDS_OF_DELIVERY = 20
_DAYS_RECONCILED = 14
_OLD_ENOUGH, _ENDS_SOON = timedelta(minutes=1), timedelta(seconds=90)


def time_to_wait(now: datetime) -> timedelta:
    """Until the day on which the agent runs away is a minute old, if it has just begun or ends under the demo."""
    local = now.astimezone(ZoneInfo(ZONES["Marketing"]))
    begun = local.replace(hour=0, minute=0, second=0, microsecond=0)
    age, left = local - begun, begun + timedelta(days=1) - local
    if left < _ENDS_SOON:
        return left + _OLD_ENOUGH
    return max(_OLD_ENOUGH - age, timedelta(0))


def prepare(config: Path | None, seed: int = SEED, days: int = 60) -> History:
    """Starts the embedded server and fills the demo's Dify; environment variables then point at it."""
    for name in ("WAREHOUSE_URL", "DAGSTER_POSTGRES_URL", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    if config is not None:
        os.environ["USAGE_PIPELINE_CONFIG"] = str(config)
    server = embedded()
    make_place(server)
    now = datetime.now(UTC)
    history = build_history(seed, now, days)
    with connected(server.url(DIFY_DATABASE)) as connection:
        create_dify_schema(connection)
        write_history(connection, history, now)
    os.environ["DIFY_DATABASE_URL"] = server.url(DIFY_DATABASE)
    prepare_dagster_environment()
    migrate(warehouse_url())
    return history


def run_through_dagster(show: Callable[[str], None]) -> bool:
    """One pass, the late days it found, a pass over everything, and the delivery of its alerts; True if all is well."""
    from usage_pipeline.definitions import defs  # noqa: PLC0415  (slow to import, and only this function needs it)
    from usage_pipeline.defs.in_process import job_runner  # noqa: PLC0415
    from usage_pipeline.defs.shared import tags_of_pass  # noqa: PLC0415

    with job_runner(defs) as run, connected(warehouse_url()) as connection:
        show("reading Dify")
        well = run("usage_pass", tags_of_pass())
        days = changed_days(connection)
        if days:
            show(f"rolling up {len(days)} past days")
            well &= run("late_days", {**Work.LATE_DAYS.tags, **range_tags(days[0], days[-1])})
        show("evaluating the budgets")
        well &= run("usage_pass", tags_of_pass())
        show("acting on what was reached")
        well &= run("enforce_actions")
        show("delivering alerts")
        return _deliver(connection, lambda: run("deliver_alerts")) and well


def reconcile_newest() -> list[DayResult]:
    """Holds the newest days against the made-up Dify's own sums."""
    settings = load_settings(config_path())
    days = [settings.today() - timedelta(days=number) for number in range(_DAYS_RECONCILED)]
    with connected(warehouse_url()) as connection:
        return reconcile(connection, settings, days)


def _deliver(connection: Connection, execute: Callable[[], bool]) -> bool:
    """Runs the delivery job until the outbox is empty, as the sensor would."""
    well = True
    for _ in range(_ROUNDS_OF_DELIVERY):
        well &= execute()
        seconds = value_or_none(
            connection,
            float,
            "SELECT extract(epoch FROM min(next_attempt_at) - now())::float8 FROM usage.delivery"
            " WHERE state IN ('pending', 'sending')",
        )
        if seconds is None:
            return well
        time.sleep(min(10.0, max(0.2, seconds)))
    return False
