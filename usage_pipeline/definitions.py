"""Assembles the code location: assets, checks, jobs, schedules, sensors and the warehouse."""

import dagster as dg

from usage_pipeline.defs import alerts as delivery_assets
from usage_pipeline.defs import budgets as alert_assets
from usage_pipeline.defs import enforcement as enforcement_assets
from usage_pipeline.defs import ingest as ingest_assets
from usage_pipeline.defs import invoices as invoice_assets
from usage_pipeline.defs import reconciliation as reconciliation_assets
from usage_pipeline.defs import reports as report_assets
from usage_pipeline.defs import usage as usage_assets
from usage_pipeline.defs.jobs import JOBS
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.schedules import SCHEDULES
from usage_pipeline.defs.sensors import SENSORS

defs = dg.Definitions(
    assets=[
        *ingest_assets.ASSETS,
        *usage_assets.ASSETS,
        *reconciliation_assets.ASSETS,
        *invoice_assets.ASSETS,
        *alert_assets.ASSETS,
        *delivery_assets.ASSETS,
        *enforcement_assets.ASSETS,
        *report_assets.ASSETS,
    ],
    asset_checks=[
        *ingest_assets.CHECKS,
        *usage_assets.CHECKS,
        *reconciliation_assets.CHECKS,
        *invoice_assets.CHECKS,
        *alert_assets.CHECKS,
        *enforcement_assets.CHECKS,
    ],
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={"warehouse": Warehouse()},
)
