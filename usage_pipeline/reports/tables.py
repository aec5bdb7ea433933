"""The document as named tables with typed columns: what XLSX, CSV and Parquet are all written from."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from usage_pipeline.reports.document import Report

if TYPE_CHECKING:
    import pandas as pd

ColumnKind = Literal["text", "count", "money", "number", "ratio", "date", "time"]


@dataclass(frozen=True)
class Column:
    """A column: its name, what its values are, whether a total makes sense, and the rows' attribute if another."""

    name: str
    kind: ColumnKind
    total: bool = False
    attribute: str | None = None

    def value(self, row: object) -> object:
        """Returns the row's cell as it is: a decimal, a date, an aware time; None for what is not known."""
        found: object = attrgetter(self.attribute or self.name)(row)
        return found


@dataclass(frozen=True)
class Table:
    """A table of the report; `detail` ones may have very many rows and stand only in CSV and Parquet."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[object]
    detail: bool = False

    def frame(self) -> "pd.DataFrame":
        """Returns the cells with the columns' names."""
        import pandas as pd  # noqa: PLC0415  (slow to import)

        cells = {
            column.name: pd.Series([column.value(row) for row in self.rows], dtype=object) for column in self.columns
        }
        return pd.DataFrame(cells)


def _columns(kind: ColumnKind, *names: str, total: bool = False) -> tuple[Column, ...]:
    return tuple(Column(name, kind, total) for name in names)


_COUNTS = _columns(
    "count",
    "calls",
    "failed_calls",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "estimated_tokens",
    "unpriced_tokens",
    total=True,
)
_MEASURES = (*_COUNTS, Column("base_cost", "money", total=True))
_SPENT = (
    *_columns("text", "name", "belongs_to"),
    *_MEASURES,
    Column("cost_before", "money", total=True),
    Column("cost_per_call", "number"),
    Column("cost_per_1000_tokens", "number", attribute="cost_per_thousand_tokens"),
    Column("key", "text"),
)
_COMPARED = (
    Column("name", "text"),
    Column("first", "date", attribute="period.first"),
    Column("last", "date", attribute="period.last"),
    *_columns("number", "calls", "total_tokens", "base_cost"),
    Column("change", "ratio"),
)
_MOVERS = (
    *_columns("text", "name", "tenant"),
    *_columns("money", "before", "now", "change", "by_calls", "by_length", "by_price", total=True),
    Column("reason", "text"),
)
_BUDGETS = (
    *_columns("text", "budget_id", "scope_name", "period"),
    *_columns("date", "first", "last"),
    Column("measure", "text"),
    *_columns("number", "spent", "limit"),
    Column("ratio", "ratio"),
    Column("level", "text"),
    Column("forecast", "number"),
    Column("as_of", "time"),
)
_ALERTS = (
    Column("created_at", "time"),
    *_columns("text", "alert_id", "kind", "level", "budget_id", "scope_name"),
    Column("tier", "number"),
    Column("measure", "text"),
    *_columns("number", "spent", "limit"),
)
_ACTIONS = (Column("at", "time"), *_columns("text", "action", "target", "state", "detail"))
_GAPS = (
    *_columns("text", "kind", "project", "what"),
    *_columns("count", "calls", "total_tokens"),
    Column("base_cost", "money"),
)
_UNRECONCILED = (
    Column("usage_date", "date"),
    *_columns("text", "source", "state"),
    Column("unexplained_tokens", "count"),
    Column("says", "text"),
)
_PROVISIONAL = (*_columns("text", "reason", "source"), Column("usage_date", "date"))
_SAVINGS = (
    *_columns("text", "project", "tenant", "model", "instead"),
    Column("total_tokens", "count"),
    *_columns("money", "cost", "estimated_cost", "estimated_saving", total=True),
)
_TREND = (Column("usage_date", "date"), *_MEASURES)
_USAGE = (
    Column("usage_date", "date"),
    *_columns("text", "source", "tenant_id", "tenant", "environment", "app_id", "project", "api_key_id", "api_key"),
    *_columns("text", "key_attribution", "caller_kind", "caller_id", "provider", "model"),
    *_COUNTS,
    Column("currency", "text"),
    Column("cost", "number"),  # of several currencies: no total
    Column("base_cost", "money", total=True),
)


def usage_table(report: Report) -> Table:
    """Returns the rows of usage.daily_usage, one for one."""
    return Table("usage", _USAGE, report.rows, detail=True)


def tables(report: Report) -> list[Table]:
    """Returns every table of the report, the most read first."""
    return [
        *(Table(name, _SPENT, rows) for name, rows in report.spent.items()),
        Table("compared", _COMPARED, report.comparisons),
        Table("movers", _MOVERS, report.movers),
        Table("budgets", _BUDGETS, report.budgets),
        Table("alerts", _ALERTS, report.alerts),
        Table("actions", _ACTIONS, report.actions),
        Table("gaps", _GAPS, report.gaps),
        Table("unreconciled", _UNRECONCILED, report.unreconciled),
        Table("provisional", _PROVISIONAL, report.open_reasons),
        Table("savings", _SAVINGS, report.savings),
        Table("trend", _TREND, report.trend),
        usage_table(report),
    ]
