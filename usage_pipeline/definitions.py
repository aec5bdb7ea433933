"""Assembles the code location: assets, checks, jobs, schedules, sensors and the warehouse."""

import dagster as dg

from usage_pipeline.alerts import assets as alert_assets
from usage_pipeline.delivery import assets as delivery_assets
from usage_pipeline.enforcement import assets as enforcement_assets
from usage_pipeline.ingest import assets as ingest_assets
from usage_pipeline.invoices import assets as invoice_assets
from usage_pipeline.jobs import JOBS
from usage_pipeline.reconciliation import assets as reconciliation_assets
from usage_pipeline.reports import assets as report_assets
from usage_pipeline.schedules import SCHEDULES
from usage_pipeline.sensors import SENSORS
from usage_pipeline.usage import assets as usage_assets
from usage_pipeline.warehouse_resource import Warehouse

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
