"""Makes the document of an edition from the warehouse."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.reports.document import (
    ZERO,
    ActionLine,
    AlertLine,
    BudgetLine,
    Comparison,
    Day,
    Gap,
    Measures,
    MonthToDate,
    OpenReason,
    Report,
    Spent,
    Tenant,
    Unreconciled,
    UsageRow,
    ratio,
)
from usage_pipeline.reports.edition import Edition, Span, month_of
from usage_pipeline.reports.movers import movers
from usage_pipeline.reports.savings import savings
from usage_pipeline.reports.scope import scoped
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

DIMENSIONS = ("tenant", "environment", "project", "api_key", "user", "model", "node")
TREND_DAYS = 30
SAVINGS_DAYS = 28
_SIX = Decimal("0.000001")
Rows = list[tuple[object, ...]]


def make_report(
    connection: Connection,
    settings: Settings,
    edition: Edition,
    *,
    tenant: Tenant | None = None,
    now: datetime | None = None,
) -> Report:
    """The report of an edition, of one tenant or of all. Reads one state of the warehouse, writes nothing.

    ``now`` (aware UTC) decides whether the edition's days are over. Given again for an old day, it is made of what the
    daily tables say of it today.
    """
    moment = now or datetime.now(UTC)
    zone = tenant.zone if tenant else settings.timezone
    sources = [source.id for source in settings.sources]
    with scoped(connection, tenant):
        spent = _spent_by_dimension(connection, edition.span)
        before = _spent_by_dimension(connection, edition.earlier()[0][1])
        totals = spent["total"][0].measures if spent["total"] else Measures()
        # An edition that is not over yet looks back from today.
        until = min(edition.span.last, moment.astimezone(ZoneInfo(zone)).date())
        since = Span(until - timedelta(days=SAVINGS_DAYS - 1), until)
        return Report(
            edition=edition,
            tenant=tenant,
            zone=zone,
            currency=settings.currency,
            made_at=moment,
            open_reasons=[
                OpenReason(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "still_open", edition.span, now=moment, sources=sources)
            ],
            totals=totals,
            comparisons=_comparisons(connection, edition, totals),
            month=_month(connection, until),
            spent={name: _with_before(spent[name], before[name]) for name in DIMENSIONS},
            trend=_days(connection, Span(until - timedelta(days=TREND_DAYS - 1), until)),
            budgets=[
                BudgetLine(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "budgets", edition.span)
            ],
            movers=movers(spent["project"], before["project"]),
            alerts=[
                AlertLine(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "alerts", edition.span, zone=zone)
            ],
            actions=_actions(connection, edition.span, zone, tenant),
            gaps=[
                Gap(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "gaps", edition.span)
            ],
            unreconciled=[
                Unreconciled(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "unreconciled", edition.span)
            ],
            savings=savings(_rows(connection, "project_models", since), settings, until),
            savings_span=since,
            rows=[
                UsageRow(*row)  # type: ignore[arg-type]
                for row in _rows(connection, "rows", edition.span)
            ],
        )


def _rows(connection: Connection, name: str, span: Span, **more: object) -> Rows:
    parameters: dict[str, object] = {"first": span.first, "last": span.last, **more}
    return connection.execute(statement(f"reports/edition/{name}"), parameters).fetchall()


def measures_of(values: Sequence[object]) -> Measures:
    """Measures from eight columns in the daily tables' order."""
    names = [field.name for field in fields(Measures)]
    return Measures(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]


def _spent_by_dimension(connection: Connection, span: Span) -> dict[str, list[Spent]]:
    found: dict[str, list[Spent]] = {name: [] for name in ("total", *DIMENSIONS)}
    for row in _rows(connection, "spent", span) + _rows(connection, "nodes", span):
        dimension, key, name, belongs_to = (None if value is None else str(value) for value in row[:4])
        found[str(dimension)].append(Spent(str(dimension), str(key), str(name), belongs_to, measures_of(row[4:])))
    return found


def _with_before(now: Sequence[Spent], before: Sequence[Spent]) -> list[Spent]:
    earlier = {spent.key: spent.measures.base_cost for spent in before}
    return [replace(spent, cost_before=earlier.get(spent.key, ZERO)) for spent in now]


def _days(connection: Connection, span: Span) -> list[Day]:
    return [Day(row[0], measures_of(row[1:])) for row in _rows(connection, "by_day", span)]  # type: ignore[arg-type]


def _sum(days: Sequence[Day]) -> tuple[int, int, Decimal]:
    measures = [day.measures for day in days]
    return (
        sum(m.calls for m in measures),
        sum(m.total_tokens for m in measures),
        sum((m.base_cost for m in measures), ZERO),
    )


def _comparisons(connection: Connection, edition: Edition, totals: Measures) -> list[Comparison]:
    found = []
    for name, span, editions in edition.earlier():
        calls, tokens, cost = (_mean(Decimal(value), editions) for value in _sum(_days(connection, span)))
        found.append(Comparison(name, span, calls, tokens, cost, ratio(totals.base_cost - cost, cost)))
    return found


def _mean(total: Decimal, editions: int) -> Decimal:
    return total if editions == 1 else (total / editions).quantize(_SIX, ROUND_HALF_UP)


def _month(connection: Connection, until: date) -> MonthToDate:
    span = Span(until.replace(day=1), until)
    _, tokens, cost = _sum(_days(connection, span))
    forecast = (cost * month_of(span.last).days / span.days).quantize(_SIX, ROUND_HALF_UP)
    return MonthToDate(span, cost, tokens, forecast)


def _actions(connection: Connection, span: Span, zone: str, tenant: Tenant | None) -> list[ActionLine]:
    rows = _rows(connection, "actions", span, zone=zone, everybody=tenant is None)
    return [ActionLine(*row) for row in rows]  # type: ignore[arg-type]


def key_figures(report: Report) -> Mapping[str, str | int | bool]:
    """The figures that stand at the top of every format, for metadata and --json."""
    return {
        "edition": report.edition.name,
        "provisional": report.provisional,
        "base_cost": format(report.totals.base_cost, "f"),
        "currency": report.currency,
        "calls": report.totals.calls,
        "failed_calls": report.totals.failed_calls,
        "total_tokens": report.totals.total_tokens,
        "unpriced_tokens": report.totals.unpriced_tokens,
        "month_to_date": format(report.month.base_cost, "f"),
        "month_forecast": format(report.month.forecast, "f"),
        "alerts": len(report.alerts),
    }
