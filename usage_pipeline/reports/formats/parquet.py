"""Writes the report's rows as Parquet: decimals, dates, and the report's own words in the file's metadata."""

from decimal import Decimal
from pathlib import Path

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter, Requirement
from usage_pipeline.reports.tables import ColumnKind, usage_table

# Enough for a price per million tokens in seven decimals times a rate; a finer amount widens the day's column.
_SCALE = 12


def write_parquet(report: Report, _language: str, path: Path) -> None:
    """The rows of usage.daily_usage with their names, one for one; amounts are decimals, never floats."""
    import pyarrow as pa  # noqa: PLC0415  (slow to import, and an extra)
    from pyarrow import parquet  # noqa: PLC0415

    table = usage_table(report)
    types = {"text": pa.string(), "count": pa.int64(), "date": pa.date32()}

    def type_of(kind: ColumnKind, values: list[object]) -> pa.DataType:
        return types[kind] if kind in types else pa.decimal256(76, max(_SCALE, *_scales(values)))

    columns = {column.name: [column.value(row) for row in table.rows] for column in table.columns}
    arrays = [
        pa.array(columns[column.name], type=type_of(column.kind, columns[column.name])) for column in table.columns
    ]
    words = {
        "edition": report.edition.name,
        "currency": report.currency,
        "provisional": str(report.provisional).lower(),
        "tenant": report.tenant.tenant_id if report.tenant else "",
    }
    written = pa.table(arrays, names=list(columns)).replace_schema_metadata(words)
    parquet.write_table(written, path, compression="zstd")


def _scales(values: list[object]) -> list[int]:
    return [0, *(-int(value.as_tuple().exponent) for value in values if isinstance(value, Decimal))]


FORMAT = FormatWriter(".parquet", write_parquet, Requirement("pyarrow", "parquet"))
