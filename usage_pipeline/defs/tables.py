"""Tables in Dagster's metadata: shown where they stand, with figures, money and moments as a person reads them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from usage_pipeline.defs.shared import settings_at_load

if TYPE_CHECKING:
    from usage_pipeline.warehouse.connection import Connection
    from usage_pipeline.warehouse.rows import Parameters, Query

_LONGEST_CELL = 200


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.TableMetadataValue:
    """Returns rows as a table with headings; one without rows says so in its first column."""
    found = [dict(zip(columns, map(_cell, row), strict=True)) for row in rows]
    nothing = dict.fromkeys(columns, "") | {columns[0]: "none"}
    return dg.MetadataValue.table(
        records=[dg.TableRecord(record) for record in found or [nothing]],
        schema=dg.TableSchema([dg.TableColumn(column) for column in columns]),
    )


def listed(connection: "Connection", query: "Query", parameters: "Parameters" = None) -> dg.TableMetadataValue:
    """Returns a query's rows as a table; its headings are the names of the query's columns."""
    cursor = connection.execute(query, parameters)
    return table([column.name.replace("_", " ") for column in cursor.description or ()], cursor.fetchall())


def _cell(value: object) -> str:
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case Decimal():
            text = f"{value:,.2f}" if value % 1 else f"{value:,.0f}"
        case int():
            text = f"{value:,}"
        case datetime():
            text = value.astimezone(ZoneInfo(settings_at_load().timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")
        case _:
            text = " ".join(str(value).split())
    return text[:_LONGEST_CELL]
