"""The asset invoice_coverage: what was counted of what was invoiced."""

from collections.abc import Iterable
from dataclasses import astuple

import dagster as dg

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.shared import OWNERS, described, markdown_table
from usage_pipeline.invoices.coverage import COLUMNS, coverage

_ROWS_SHOWN = 60


@dg.asset(
    group_name="reconciliation",
    owners=OWNERS,
    kinds={"postgres", "sql"},
    metadata=described("invoice"),
    tags={"domain": "counting"},
    deps=["daily_model_usage"],
)
def invoice_coverage(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """By month, provider and model: invoiced, counted, and their ratio, in the base currency.

    Invoices come by `usage-pipeline invoices import`. A ratio below one is what Dify does not log (docs/counting.md).
    """
    with warehouse.connection() as connection:
        settings = warehouse.configuration(connection).settings
        rows = coverage(connection, settings)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "coverage": dg.MetadataValue.md(markdown_table(COLUMNS, [astuple(row) for row in rows[:_ROWS_SHOWN]])),
            "without_exchange_rate": sum(row.lacks_exchange_rate for row in rows),
        }
    )


ASSETS: list[dg.AssetsDefinition] = [invoice_coverage]
CHECKS: Iterable[dg.AssetChecksDefinition] = []
