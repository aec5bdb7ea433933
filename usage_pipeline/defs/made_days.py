"""Reports days that were made without Dagster to its instance: the partition grid is true whoever did the work.

`python -m usage_pipeline.defs.made_days` does so for every day of the warehouse that the instance does not know.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import config_path
from usage_pipeline.settings.first_day import first_day
from usage_pipeline.settings.last_valid import settings_to_load
from usage_pipeline.usage.days import MeasuredDay, measured_days, reconciled_days, rolled_days
from usage_pipeline.usage.roll_up import DAILY_TABLES
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.location import prepare_dagster_environment, warehouse_url

Metadata = dict[str, int | float]
Made = tuple[str, date, Metadata]
_DAYS_AT_ONCE = 366


def day_metadata(measured: MeasuredDay, currency: str) -> Metadata:
    """Returns what Dagster shows, and plots, of a daily table's day; cost in the configuration's currency."""
    return {
        "dagster/row_count": measured.rows,
        "total_tokens": measured.total_tokens,
        f"cost_{currency.lower()}": round(float(measured.base_cost), 6),
        "calls": measured.calls,
    }


def report_days(connection: Connection, settings: Settings, days: Sequence[date]) -> None:
    """Reports days whose daily tables and budgets were made just now."""
    prepare_dagster_environment()
    with dg.DagsterInstance.get() as instance:
        made = _of_tables(connection, settings, _shown(settings, days))
        _report(instance, [*made, *(("budget_status", day, {}) for day in _shown(settings, days))])


def report_reconciled(settings: Settings, days: Sequence[date]) -> None:
    """Reports days that were held against the sources just now."""
    prepare_dagster_environment()
    with dg.DagsterInstance.get() as instance:
        _report(instance, [("reconciliation", day, {}) for day in _shown(settings, days)])


def report_missing(instance: dg.DagsterInstance, connection: Connection, settings: Settings) -> int:
    """Reports each day of the warehouse that an instance does not know as materialized; returns how many it reported.

    Safe to run twice and to kill: what is known is not reported again.
    """
    rolled = _shown(settings, rolled_days(connection))
    held = {**dict.fromkeys((*DAILY_TABLES, "budget_status"), rolled), "reconciliation": reconciled_days(connection)}
    missing = {
        (asset, day) for asset, days in held.items() for day in _unknown(instance, asset, _shown(settings, days))
    }
    rows = {
        (asset, day): metadata
        for asset, day, metadata in _of_tables(connection, settings, sorted({day for _, day in missing}))
    }
    # Oldest first: the last one is what the UI shows as an asset's newest.
    ordered = sorted(missing, key=lambda one: (one[1], one[0]))
    _report(instance, [(asset, day, rows.get((asset, day), {})) for asset, day in ordered])
    return len(ordered)


def _shown(settings: Settings, days: Sequence[date]) -> list[date]:
    """Those that have a partition, oldest first."""
    return sorted(day for day in days if first_day(settings) <= day <= settings.newest_day())


def _unknown(instance: dg.DagsterInstance, asset: str, days: Sequence[date]) -> Iterator[date]:
    known = set(instance.get_materialized_partitions(dg.AssetKey(asset)))
    yield from (day for day in days if day.isoformat() not in known)


def _of_tables(connection: Connection, settings: Settings, days: Sequence[date]) -> list[Made]:
    parts = [days[start : start + _DAYS_AT_ONCE] for start in range(0, len(days), _DAYS_AT_ONCE)]
    found = [measured for part in parts for measured in measured_days(connection, part)]
    return [(one.table, one.day, day_metadata(one, settings.currency)) for one in found]


def _report(instance: dg.DagsterInstance, made: Sequence[Made]) -> None:
    for asset, day, metadata in made:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset,
                partition=day.isoformat(),
                metadata=metadata,
                description="made without a run: by a command, or before this instance was there",
            )
        )


def main() -> None:
    """For `up`, before the UI is there."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare_dagster_environment()
    with dg.DagsterInstance.get() as instance, connected(warehouse_url()) as connection:
        number = report_missing(instance, connection, settings_to_load(config_path()))
    logging.info("%d days were reported as materialized", number)


if __name__ == "__main__":
    main()
