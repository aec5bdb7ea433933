"""What holds for every asset alike, put on them in one place: owners, code version, and how fresh they should be."""

from datetime import timedelta
from importlib.metadata import version

import dagster as dg

from usage_pipeline.defs.shared import settings_at_load

_OWNERS = ["team:platform"]
_EVERY_PASS = {"ingest", "usage", "budgets", "alerts", "overview"}
# Reconciled hourly; a report and the invoices once a day.
_WITHIN = {
    "reconciliation": timedelta(hours=3),
    "daily_report": timedelta(hours=26),
    "invoice_coverage": timedelta(hours=26),
}


def with_policies(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Returns the asset's spec with the policies of all assets."""
    return spec.replace_attributes(
        owners=_OWNERS, code_version=version("usage-pipeline"), freshness_policy=_freshness(spec)
    )


def _freshness(spec: dg.AssetSpec) -> dg.FreshnessPolicy | None:
    """None for what is made only when there is something to do."""
    name = spec.key.to_user_string()
    if spec.group_name in _EVERY_PASS or name == "enforcement_plan":
        between = timedelta(minutes=settings_at_load().schedule.every_minutes)
        return dg.FreshnessPolicy.time_window(
            warn_window=timedelta(minutes=2) + 3 * between, fail_window=timedelta(minutes=12) + 3 * between
        )
    return dg.FreshnessPolicy.time_window(fail_window=_WITHIN[name]) if name in _WITHIN else None
