"""The document as named tables with typed columns: what XLSX, CSV and Parquet are all written from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Literal

from usage_pipeline.reports.document import Report, UsageRow
from usage_pipeline.reports.measures import ZERO

ColumnKind = Literal["text", "count", "money", "number", "ratio", "date", "time"]


# Made once: a hundred thousand rows ask for it again and again.
_getter = cache(attrgetter)


@dataclass(frozen=True)
class ReportColumn:
    """A column: its name, what its values are, whether a total makes sense, and the rows' attribute if another."""

    name: str
    kind: ColumnKind
    total: bool = False
    attribute: str | None = None

    def value(self, row: object) -> object:
        """Returns the row's cell as it is: a decimal, a date, an aware time; None for what is not known."""
        found: object = _getter(self.attribute or self.name)(row)
        return found


@dataclass(frozen=True)
class Table:
    """A table of the report; `detail` ones may have very many rows and stand only in CSV and Parquet."""

    name: str
    columns: Sequence[ReportColumn]
    rows: Sequence[object]
    detail: bool = False


def _columns(kind: ColumnKind, *names: str, total: bool = False) -> tuple[ReportColumn, ...]:
    return tuple(ReportColumn(name, kind, total) for name in names)


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
_MEASURES = (*_COUNTS, ReportColumn("base_cost", "money", total=True))
_SPENT = (
    *_columns("text", "name", "belongs_to"),
    *_MEASURES,
    ReportColumn("cost_before", "money", total=True),
    ReportColumn("cost_per_call", "number"),
    ReportColumn("cost_per_1000_tokens", "number", attribute="cost_per_thousand_tokens"),
    ReportColumn("key", "text"),
)
_COMPARED = (
    ReportColumn("name", "text"),
    ReportColumn("first", "date", attribute="period.first"),
    ReportColumn("last", "date", attribute="period.last"),
    *_columns("number", "calls", "total_tokens", "base_cost"),
    ReportColumn("change", "ratio"),
)
_MOVERS = (
    *_columns("text", "name", "tenant"),
    *_columns("money", "before", "now", "change", "by_calls", "by_length", "by_price", total=True),
    ReportColumn("reason", "text"),
    *_columns("count", "calls_before", "calls_now"),
    *_columns("number", "tokens_a_call_before", "tokens_a_call_now"),
)
_BUDGETS = (
    *_columns("text", "name", "scope_name", "period"),
    *_columns("date", "first", "last"),
    ReportColumn("measure", "text"),
    *_columns("number", "spent", "base_limit", "added"),
    ReportColumn("highest_ratio", "ratio"),
    ReportColumn("highest_level", "text"),
    ReportColumn("ratio", "ratio"),
    ReportColumn("level", "text"),
    ReportColumn("forecast", "number"),
    ReportColumn("as_of", "time"),
    ReportColumn("budget_id", "text"),
)
_ALERTS = (
    ReportColumn("created_at", "time"),
    *_columns("text", "kind", "level", "budget_id", "scope_name"),
    # Kinds that have no tiers count their steps in its place.
    ReportColumn("tier", "number", attribute="percent"),
    ReportColumn("measure", "text"),
    *_columns("number", "spent", "limit"),
    ReportColumn("alert_id", "text"),
)
_ACTIONS = (
    ReportColumn("at", "time"),
    *_columns("text", "action", "target", "state", "decided_by"),
    *_columns("time", "applied_at", "released_at"),
    *_columns("text", "release_why", "action_id", "detail"),
)
_OVERRIDES = (
    ReportColumn("requested_at", "time"),
    *_columns("text", "requested_by", "budget_id", "scope_name", "measure"),
    *_columns("number", "raise_by", "raise_percent"),
    ReportColumn("until", "time"),
    *_columns("text", "state", "decided_by"),
    ReportColumn("decided_at", "time"),
    *_columns("text", "reason", "override_id"),
)
_CORRECTIONS = _columns("text", "what", "about", "measure", "said", "now")
_PRICES = (
    *_columns("text", "model", "provider", "basis"),
    *_columns("count", "calls", "input_tokens", "output_tokens", "total_tokens", total=True),
    ReportColumn("currency", "text"),
    *_columns("number", "cost", "per_million"),
    ReportColumn("base_cost", "money", total=True),
)
_ENFORCED = (
    *_columns("text", "action", "target", "budget_id", "scope_name", "measure"),
    *_columns("number", "forecast", "spent"),
    ReportColumn("estimated_saving", "money"),
)
_GAPS = (
    *_columns("text", "kind", "project", "what"),
    *_columns("count", "calls", "total_tokens"),
    ReportColumn("base_cost", "money"),
)
_UNRECONCILED = (
    ReportColumn("usage_date", "date"),
    *_columns("text", "source", "state"),
    ReportColumn("unexplained_tokens", "count"),
    ReportColumn("says", "text"),
)
_PROVISIONAL = (*_columns("text", "reason", "source"), ReportColumn("usage_date", "date"))
_SAVINGS = (
    *_columns("text", "project", "tenant", "node", "model", "instead"),
    *_columns("count", "calls", "input_tokens", "output_tokens", "total_tokens"),
    *_columns("number", "price_input", "price_output"),
    *_columns("money", "cost", "estimated_cost", "estimated_saving", total=True),
)
_TREND = (ReportColumn("usage_date", "date"), *_MEASURES)
_USAGE = (
    ReportColumn("usage_date", "date"),
    *_columns("text", "source", "tenant_id", "tenant", "environment", "app_id", "project", "api_key_id", "api_key"),
    *_columns("text", "key_attribution", "caller_kind", "caller_id", "provider", "model"),
    *_COUNTS,
    ReportColumn("currency", "text"),
    ReportColumn("cost", "number"),  # of several currencies: no total
    ReportColumn("base_cost", "money", total=True),
)


def usage_table(report: Report) -> Table:
    """Returns the rows of usage.daily_usage, one for one."""
    return Table("usage", _USAGE, report.rows, detail=True)


_DATA = (
    ReportColumn("usage_date", "date"),
    *_columns("text", "tenant", "environment", "project", "api_key", "caller_kind", "caller_id", "provider", "model"),
    *_COUNTS,
    ReportColumn("base_cost", "money", total=True),
)
# What a spreadsheet opens at once; a pivot table of more than this is made from Parquet.
DATA_ROWS = 20_000


def data_table(report: Report, rest: str) -> Table:
    """Returns the rows for pivot tables, the costliest; where there are more than DATA_ROWS, all others as one row.

    ``rest`` is what that row is called.
    """
    rows = sorted(report.rows, key=lambda row: (-row.base_cost, -row.total_tokens))
    if len(rows) <= DATA_ROWS:
        return Table("data", _DATA, rows)
    kept, others = rows[: DATA_ROWS - 1], rows[DATA_ROWS - 1 :]
    return Table("data", _DATA, [*kept, _together(others, rest)])


def _together(rows: Sequence[UsageRow], name: str) -> UsageRow:
    """Returns one row with the sums of several."""
    return replace(
        rows[0],
        tenant=name,
        environment=name,
        project=name,
        api_key=name,
        caller_kind="",
        caller_id="",
        provider=name,
        model=name,
        calls=sum(row.calls for row in rows),
        failed_calls=sum(row.failed_calls for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        total_tokens=sum(row.total_tokens for row in rows),
        estimated_tokens=sum(row.estimated_tokens for row in rows),
        unpriced_tokens=sum(row.unpriced_tokens for row in rows),
        base_cost=sum((row.base_cost for row in rows), ZERO),
    )


def tables(report: Report) -> list[Table]:
    """Returns every table of the report, the most read first."""
    return [
        *(Table(name, _SPENT, rows) for name, rows in report.spent.items()),
        Table("compared", _COMPARED, report.comparisons),
        Table("movers", _MOVERS, report.movers),
        Table("budgets", _BUDGETS, report.budgets),
        Table("alerts", _ALERTS, report.alerts),
        Table("actions", _ACTIONS, report.actions),
        Table("overrides", _OVERRIDES, report.overrides),
        Table("corrections", _CORRECTIONS, report.corrections),
        Table("gaps", _GAPS, report.gaps),
        Table("unreconciled", _UNRECONCILED, report.unreconciled),
        Table("provisional", _PROVISIONAL, report.open_reasons),
        Table("savings", _SAVINGS, report.savings),
        Table("enforced", _ENFORCED, report.enforced),
        Table("prices", _PRICES, report.prices),
        Table("trend", _TREND, report.trend),
        usage_table(report),
    ]
