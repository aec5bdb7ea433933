"""The document as named tables with typed columns: what XLSX, CSV and Parquet are all written from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from usage_pipeline.reports.document import (
    ActionLine,
    AlertLine,
    BudgetLine,
    Comparison,
    Day,
    Gap,
    Measures,
    Mover,
    OpenReason,
    Report,
    Saving,
    Spent,
    Unreconciled,
    UsageRow,
)

Kind = Literal["text", "count", "money", "number", "ratio", "date", "time"]
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column: its name, what its values are, whether a total makes sense, and where the value comes from."""

    name: str
    kind: Kind
    value: Callable[[R], object]
    total: bool = False


@dataclass(frozen=True)
class Table(Generic[R]):
    """A table of the report; `detail` ones may have very many rows and stand only in CSV and Parquet."""

    name: str
    columns: Sequence[Column[R]]
    rows: Sequence[R]
    detail: bool = False

    def values(self) -> list[list[object]]:
        """All cells, a list a row."""
        return [[column.value(row) for column in self.columns] for row in self.rows]


def _measures(of: Callable[[R], Measures]) -> list[Column[R]]:
    return [
        Column("calls", "count", lambda row: of(row).calls, total=True),
        Column("failed_calls", "count", lambda row: of(row).failed_calls, total=True),
        Column("input_tokens", "count", lambda row: of(row).input_tokens, total=True),
        Column("output_tokens", "count", lambda row: of(row).output_tokens, total=True),
        Column("total_tokens", "count", lambda row: of(row).total_tokens, total=True),
        Column("estimated_tokens", "count", lambda row: of(row).estimated_tokens, total=True),
        Column("unpriced_tokens", "count", lambda row: of(row).unpriced_tokens, total=True),
        Column("base_cost", "money", lambda row: of(row).base_cost, total=True),
    ]


_SPENT: list[Column[Spent]] = [
    Column("name", "text", lambda row: row.name),
    Column("belongs_to", "text", lambda row: row.belongs_to),
    *_measures(lambda row: row.measures),
    Column("cost_before", "money", lambda row: row.cost_before, total=True),
    Column("cost_per_call", "number", lambda row: row.measures.cost_per_call),
    Column("cost_per_1000_tokens", "number", lambda row: row.measures.cost_per_thousand_tokens),
    Column("key", "text", lambda row: row.key),
]
_TREND: list[Column[Day]] = [
    Column("usage_date", "date", lambda row: row.usage_date),
    *_measures(lambda row: row.measures),
]
_USAGE_TEXTS = ("source", "tenant_id", "tenant", "environment", "app_id", "project", "api_key_id", "api_key",
                "key_attribution", "caller_kind", "caller_id", "provider", "model")  # fmt: skip
_USAGE_COUNTS = ("calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "estimated_tokens",
                 "unpriced_tokens")  # fmt: skip


def _fields(kind: Kind, *names: str, total: bool = False) -> list[Column[R]]:
    return [Column(name, kind, lambda row, field=name: getattr(row, field), total) for name in names]  # type: ignore[misc]


def _usage() -> list[Column[UsageRow]]:
    return [
        *_fields("date", "usage_date"),
        *_fields("text", *_USAGE_TEXTS),
        *_fields("count", *_USAGE_COUNTS, total=True),
        *_fields("text", "currency"),
        *_fields("number", "cost"),  # of several currencies: no total
        *_fields("money", "base_cost", total=True),
    ]


def usage_table(report: Report) -> Table[UsageRow]:
    """The rows of usage.daily_usage, one for one."""
    return Table("usage", _usage(), report.rows, detail=True)


def tables(report: Report) -> list[Table]:  # type: ignore[type-arg]
    """Every table of the report, the most read first."""
    span: list[Column[Comparison]] = [
        Column("first", "date", lambda row: row.span.first),
        Column("last", "date", lambda row: row.span.last),
    ]
    return [
        *(Table[Spent](name, _SPENT, rows) for name, rows in report.spent.items()),
        Table[Comparison](
            "compared",
            [
                *_fields("text", "name"),
                *span,
                *_fields("number", "calls", "total_tokens", "base_cost"),
                *_fields("ratio", "change"),
            ],
            report.comparisons,
        ),
        Table[Mover](
            "movers",
            [
                *_fields("text", "name", "tenant"),
                *_fields("money", "before", "now", "change", "by_calls", "by_length", "by_price", total=True),
                *_fields("text", "reason"),
            ],
            report.movers,
        ),
        Table[BudgetLine](
            "budgets",
            [
                *_fields("text", "budget_id", "scope_name", "period"),
                *_fields("date", "first", "last"),
                *_fields("text", "measure"),
                *_fields("number", "spent", "limit"),
                *_fields("ratio", "ratio"),
                *_fields("text", "level"),
                *_fields("number", "forecast"),
                *_fields("time", "as_of"),
            ],
            report.budgets,
        ),
        Table[AlertLine](
            "alerts",
            [
                *_fields("time", "created_at"),
                *_fields("text", "alert_id", "kind", "level", "budget_id", "scope_name"),
                *_fields("number", "tier"),
                *_fields("text", "measure"),
                *_fields("number", "spent", "limit"),
            ],
            report.alerts,
        ),
        Table[ActionLine](
            "actions", [*_fields("time", "at"), *_fields("text", "action", "target", "state", "detail")], report.actions
        ),
        Table[Gap](
            "gaps",
            [
                *_fields("text", "kind", "project", "what"),
                *_fields("count", "calls", "total_tokens"),
                *_fields("money", "base_cost"),
            ],
            report.gaps,
        ),
        Table[Unreconciled](
            "unreconciled",
            [
                *_fields("date", "usage_date"),
                *_fields("text", "source", "state"),
                *_fields("count", "unexplained_tokens"),
                *_fields("text", "says"),
            ],
            report.unreconciled,
        ),
        Table[OpenReason](
            "provisional", [*_fields("text", "reason", "source"), *_fields("date", "usage_date")], report.open_reasons
        ),
        Table[Saving](
            "savings",
            [
                *_fields("text", "project", "tenant", "model", "instead"),
                *_fields("count", "total_tokens"),
                *_fields("money", "cost", "estimated_cost", "estimated_saving", total=True),
            ],
            report.savings,
        ),
        Table[Day]("trend", _TREND, report.trend),
        usage_table(report),
    ]
