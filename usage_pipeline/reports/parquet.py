"""Writes the report's rows as Parquet: decimals, dates, and the report's own words in the file's metadata."""

from decimal import Decimal
from pathlib import Path

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.tables import Kind, usage_table

# Enough for a price per million tokens in seven decimals times a rate; a finer amount widens the day's column.
_SCALE = 12


def write_parquet(report: Report, path: Path) -> None:
    """The rows of usage.daily_usage with their names, one for one; amounts are decimals, never floats."""
    import pyarrow as pa  # noqa: PLC0415  (slow to import)
    from pyarrow import parquet  # noqa: PLC0415

    table = usage_table(report)
    columns = list(zip(*table.values(), strict=True)) or [()] * len(table.columns)
    types = {"text": pa.string(), "count": pa.int64(), "date": pa.date32()}

    def kind_of(kind: Kind, values: tuple[object, ...]) -> pa.DataType:
        return types[kind] if kind in types else pa.decimal256(76, max(_SCALE, *_scales(values)))

    arrays = [
        pa.array(values, type=kind_of(column.kind, values))
        for column, values in zip(table.columns, columns, strict=True)
    ]
    words = {
        "edition": report.edition.name,
        "currency": report.currency,
        "provisional": str(report.provisional).lower(),
        "tenant": report.tenant.tenant_id if report.tenant else "",
    }
    written = pa.table(arrays, names=[column.name for column in table.columns]).replace_schema_metadata(words)
    parquet.write_table(written, path, compression="zstd")


def _scales(values: tuple[object, ...]) -> list[int]:
    return [0, *(-int(value.as_tuple().exponent) for value in values if isinstance(value, Decimal))]
