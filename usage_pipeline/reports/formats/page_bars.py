"""Budgets as bars: how full each was at its fullest, where its limit lay, and what was added to it."""

from dataclasses import dataclass
from decimal import Decimal

from usage_pipeline.reports import labels
from usage_pipeline.reports.document import BudgetLine, Report
from usage_pipeline.reports.numbers import measured, share

_FULL = 100


@dataclass(frozen=True)
class BudgetBar:
    """A budget's value: its name, words and figures, and the bar's parts in per cent of its width.

    ``fill`` is what was spent, ``mark`` where the limit lies; both are of the greater of them.
    """

    name: str
    scope: str
    period: str
    level: str
    level_word: str
    percent: str
    spent: str
    limit: str
    added: str
    forecast: str
    spent_exact: str
    limit_exact: str
    fill: str
    mark: str


def budget_bars(report: Report, language: str) -> list[BudgetBar]:
    """Returns a bar a budget's value, the fullest first."""
    return [_bar(line, report.currency, language) for line in report.budgets]


def _bar(line: BudgetLine, currency: str, language: str) -> BudgetBar:
    unit = "" if line.measure == "cost" else f" {labels.measure(line.measure, language)}"

    def shown(value: Decimal | None, *, signed: bool = False) -> str:
        return "–" if value is None else measured(value, line.measure, currency, language, signed=signed) + unit

    widest = max(line.highest_ratio, Decimal(1))
    return BudgetBar(
        name=line.name,
        scope=line.scope_name,
        period=labels.period(line.period, language),
        level=line.highest_level,
        level_word=labels.level(line.highest_level, language),
        percent=share(line.highest_ratio),
        spent=shown(line.spent),
        limit=shown(line.base_limit),
        added=shown(line.added, signed=True) if line.added else "",
        forecast=shown(line.forecast),
        spent_exact=format(line.spent, "f"),
        limit_exact=format(line.base_limit, "f"),
        fill=f"{float(line.highest_ratio / widest) * _FULL:.2f}",
        mark=f"{float(1 / widest) * _FULL:.2f}",
    )
