"""The code location: what the modules of defs/ define, with the policies of all assets."""

import dagster as dg

from usage_pipeline.defs import (
    alerts,
    backfill,
    budgets,
    enforcement,
    ingest,
    maintenance,
    overrides,
    overview,
    reconciliation,
    reports,
    usage,
    watch,
)
from usage_pipeline.defs.policies import with_policies
from usage_pipeline.defs.resources import Warehouse

_MODULES = (
    ingest,
    usage,
    reconciliation,
    budgets,
    backfill,
    alerts,
    watch,
    overrides,
    enforcement,
    reports,
    overview,
    maintenance,
)


def _merged() -> dg.Definitions:
    # Not load_from_defs_folder: it looks for a pyproject.toml above, which an installed package does not have.
    found = dg.Definitions.merge(*(module.defs for module in _MODULES))
    assets = [asset for asset in found.assets or () if isinstance(asset, dg.AssetsDefinition)]
    return dg.Definitions(
        assets=dg.map_asset_specs(with_policies, assets),
        asset_checks=found.asset_checks,
        jobs=found.jobs,
        schedules=found.schedules,
        sensors=found.sensors,
        resources={"warehouse": Warehouse()},
        # One process a run: a pass is a few seconds of SQL, and each further process would pay the imports again.
        executor=dg.in_process_executor,
    )


# The only one in this module: Dagster refuses a second.
defs = _merged()
