"""Makes the document of an edition from the warehouse."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from usage_pipeline.configuration import version_then
from usage_pipeline.reports.budgets_then import (
    at_their_fullest,
    evaluated_then,
    moment_of,
    of_shorter_periods,
)
from usage_pipeline.reports.document import (
    BudgetLine,
    Comparison,
    DayPart,
    Gap,
    MonthToDate,
    OpenReason,
    Report,
    ReportDay,
    Tenant,
    Unreconciled,
    UsageRow,
)
from usage_pipeline.reports.edition import Edition, ReportPeriod, month_of
from usage_pipeline.reports.happened import ActionLine, AlertLine, LockLine, OverrideLine
from usage_pipeline.reports.measures import ZERO, Measures, Spent, ratio
from usage_pipeline.reports.movers import ModelUse, movers
from usage_pipeline.reports.prices import ModelPrice, list_prices, used_rates
from usage_pipeline.reports.said import corrections, said_before
from usage_pipeline.reports.savings import NodeModel, enforced, savings
from usage_pipeline.reports.scope import scoped
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value_or_none
from usage_pipeline.warehouse.statements import statement

DIMENSIONS = ("tenant", "environment", "project", "api_key", "user", "model", "node")
TREND_DAYS = 60
SAVINGS_DAYS = 28
_SIX = Decimal("0.000001")
R = TypeVar("R")


def make_report(
    connection: Connection,
    settings: Settings,
    edition: Edition,
    *,
    tenant: Tenant | None = None,
    now: datetime | None = None,
) -> Report:
    """Returns the report of an edition, of one tenant or of all, as of the edition's end. Writes nothing.

    ``now`` (aware UTC) decides whether the edition's days are over. Made again for an old day, it is made of what the
    daily tables say of it today, its budgets by the configuration that was active then; what differs from what was
    said before is among its corrections. All but the budgets are read from one state of the warehouse.
    """
    moment = now or datetime.now(UTC)
    zone = tenant.zone if tenant else settings.timezone
    sources = [source.id for source in settings.sources]
    days = edition.period
    said = said_before(connection, edition, tenant)
    then = version_then(connection, moment_of(edition, zone, moment), said.config_version if said else None)
    budgets = evaluated_then(connection, then, edition, moment_of(edition, zone, moment), tenant) if then else None
    span = {"begins": edition.begins_at(zone), "ends": edition.ends_at(zone)}
    with scoped(connection, tenant):
        if budgets is None:
            budgets = _read(connection, BudgetLine, "budgets", days)
        budgets += of_shorter_periods(connection, budgets, edition, span)
        spent = _spent_by_dimension(connection, days)
        before = _spent_by_dimension(connection, edition.earlier()[0].period)
        totals = _measures(spent["total"])
        # An edition that is not over yet looks back from today.
        until = min(days.last, moment.astimezone(ZoneInfo(zone)).date())
        since = ReportPeriod(until - timedelta(days=SAVINGS_DAYS - 1), until)
        overrides = _read(connection, OverrideLine, "overrides", days, **span)
        actions = _read(connection, ActionLine, "actions", days, **span, everybody=tenant is None)
        prices = _read(connection, ModelPrice, "prices", days)
        trend = ReportPeriod(until - timedelta(days=TREND_DAYS - 1), until)
        made = Report(
            edition=edition,
            tenant=tenant,
            zone=zone,
            currency=settings.currency,
            made_at=moment,
            open_reasons=_read(connection, OpenReason, "still_open", days, now=moment, sources=sources),
            totals=totals,
            comparisons=_comparisons(connection, edition, totals),
            month=_month(connection, until),
            spent={name: _with_before(spent[name], before[name]) for name in DIMENSIONS},
            trend=_days(connection, trend),
            history=_read(connection, DayPart, "history", trend),
            budgets=at_their_fullest(connection, budgets, overrides, span, then.settings if then else settings),
            movers=movers(
                spent["project"],
                before["project"],
                uses=_model_uses(_read(connection, NodeModel, "node_models", days)),
                uses_before=_model_uses(_read(connection, NodeModel, "node_models", edition.earlier()[0].period)),
            ),
            alerts=_read(connection, AlertLine, "alerts", days, **span),
            actions=actions,
            overrides=overrides,
            locks=_read(connection, LockLine, "locks", days, **span),
            gaps=_read(connection, Gap, "gaps", days),
            unreconciled=_read(connection, Unreconciled, "unreconciled", days),
            savings=savings(_read(connection, NodeModel, "node_models", since), settings, until),
            enforced=enforced(actions, {(line.budget_id, line.scope_value): line.spent for line in budgets}),
            savings_period=since,
            rows=_read(connection, UsageRow, "rows", days),
            config_version=then.version if then else None,
            reconciled_at=_reconciled_at(connection, days, sources),
            prices=prices,
            list_prices=list_prices(prices, until),
            rates=used_rates(prices, settings, until),
        )
    return replace(made, corrections=corrections(said, made), said_at=(said.sent_at or said.made_at) if said else None)


def _read(connection: Connection, row_type: type[R], name: str, period: ReportPeriod, **more: object) -> list[R]:
    """The rows of a statement of sql/reports/edition/."""
    parameters = {"first": period.first, "last": period.last, **more}
    return rows(connection, row_type, statement(f"reports/edition/{name}"), parameters)


def _spent_by_dimension(connection: Connection, period: ReportPeriod) -> dict[str, list[Spent]]:
    found: dict[str, list[Spent]] = {name: [] for name in ("total", *DIMENSIONS)}
    for spent in [*_read(connection, Spent, "spent", period), *_read(connection, Spent, "nodes", period)]:
        found[spent.dimension].append(spent)
    return found


def _reconciled_at(connection: Connection, days: ReportPeriod, sources: Sequence[str]) -> datetime | None:
    parameters = {"first": days.first, "last": days.last, "sources": sources}
    return value_or_none(connection, datetime, statement("reports/edition/reconciled"), parameters)


def _measures(totals: Sequence[Spent]) -> Measures:
    """The one row of the sums, without its name; zero when nothing was spent."""
    names = [field.name for field in fields(Measures)]
    return Measures(**{name: getattr(total, name) for total in totals for name in names})


def _model_uses(found: Sequence[NodeModel]) -> dict[str, list[ModelUse]]:
    """What each project spent on each model, over all of its nodes."""
    sums: dict[tuple[str, str], ModelUse] = {}
    for each in found:
        model = each.model or "(unknown)"
        known = sums.get((each.key, model), ModelUse(model, 0, ZERO))
        sums[each.key, model] = ModelUse(
            model, known.total_tokens + each.total_tokens, known.base_cost + each.base_cost
        )
    uses: dict[str, list[ModelUse]] = {}
    for (key, _), use in sums.items():
        uses.setdefault(key, []).append(use)
    return uses


def _with_before(now: Sequence[Spent], before: Sequence[Spent]) -> list[Spent]:
    earlier = {spent.key: spent.base_cost for spent in before}
    return [replace(spent, cost_before=earlier.get(spent.key, ZERO)) for spent in now]


def _days(connection: Connection, period: ReportPeriod) -> list[ReportDay]:
    return _read(connection, ReportDay, "by_day", period)


def _sum(days: Sequence[ReportDay]) -> tuple[int, int, Decimal]:
    """Calls, tokens and cost."""
    return (
        sum(day.calls for day in days),
        sum(day.total_tokens for day in days),
        sum((day.base_cost for day in days), ZERO),
    )


def _comparisons(connection: Connection, edition: Edition, totals: Measures) -> list[Comparison]:
    found = []
    for earlier in edition.earlier():
        sums = _sum(_days(connection, earlier.period))
        calls, tokens, cost = (_mean(Decimal(value), earlier.editions) for value in sums)
        change = ratio(totals.base_cost - cost, cost)
        found.append(Comparison(earlier.name, earlier.period, calls, tokens, cost, change))
    return found


def _mean(total: Decimal, editions: int) -> Decimal:
    return total if editions == 1 else (total / editions).quantize(_SIX, ROUND_HALF_UP)


def _month(connection: Connection, until: date) -> MonthToDate:
    period = ReportPeriod(until.replace(day=1), until)
    _, tokens, cost = _sum(_days(connection, period))
    forecast = (cost * month_of(period.last).days / period.days).quantize(_SIX, ROUND_HALF_UP)
    return MonthToDate(period, cost, tokens, forecast)


def key_figures(report: Report) -> Mapping[str, str | int | bool]:
    """Returns the figures that stand at the top of every format, for metadata and --json."""
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
