"""Proposes three budgets from what the last thirty days were like, as lines for the configuration."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from usage_pipeline.settings.recipients import Language
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement

_ABOVE_MONTH, _ABOVE_DAY = Decimal("1.2"), Decimal("1.5")
_GLOB = frozenset("*?[")
_NAMES = {"zh": ("公司", "工作空间"), "en": ("Company", "Workspace")}


@dataclass(frozen=True)
class UsageHistory:
    """What the days before today were like: costs a month of 30 such days, tokens of one day."""

    days: int
    month_cost: Decimal
    workspace_month_cost: Decimal
    workspace: str
    project_day_tokens: int
    project: str
    project_id: str
    newest_day: date


@dataclass(frozen=True)
class ProposedBudget:
    """A line under ``budgets:``, and what was seen that it was made from."""

    line: str
    why: str


def usage_history(connection: Connection, today: date) -> UsageHistory | None:
    """Returns what the thirty days before ``today`` were like; None where nothing was used in them."""
    return row(connection, UsageHistory, statement("budgets/history"), {"today": today})


def proposals(history: UsageHistory, currency: str, language: Language) -> list[ProposedBudget]:
    """Returns three budgets with some room above what was usual, so that they alert on what is not."""
    company, workspace = _NAMES[language]
    seen = f"seen in {history.days} day(s)"
    name = history.project_id if _GLOB & set(history.project) else history.project
    tokens = rounded_up(history.project_day_tokens * _ABOVE_DAY)
    found = [
        ProposedBudget(
            f"{{id: all-month, name: {company}, period: month, limit: {{cost: {_limit(history.month_cost)}}}}}",
            f"a month of such days costs {history.month_cost:,.2f} {currency}, {seen}",
        ),
        ProposedBudget(
            f"{{id: workspaces-month, parent: all-month, name: {workspace}, per: tenant, period: month,"
            f" limit: {{cost: {_limit(history.workspace_month_cost)}}}}}",
            f"the dearest, {history.workspace}, costs {history.workspace_month_cost:,.2f} {currency} a month, {seen}",
        ),
        ProposedBudget(
            f"{{id: busiest-day, name: {_text(history.project)}, scope: {{project: {_text(name)}}}, period: day,"
            f" limit: {{tokens: {tokens:f}}}}}",
            f"{history.project} has used at most {history.project_day_tokens:,} tokens a day, {seen}",
        ),
    ]
    # Where nothing has a price, a limit of costs would never be reached.
    return found if history.month_cost > 0 else found[2:]


def rounded_up(amount: Decimal) -> Decimal:
    """Returns the next number above with two digits that are not nought; at least 1."""
    if amount <= 1:
        return Decimal(1)
    step = Decimal(10) ** (amount.adjusted() - 1)
    return ((amount / step).to_integral_value(ROUND_CEILING) * step).quantize(Decimal(1), ROUND_CEILING)


def _limit(cost: Decimal) -> str:
    return f"{rounded_up(cost * _ABOVE_MONTH):f}"


def _text(name: str) -> str:
    """JSON's texts are YAML's."""
    return json.dumps(name, ensure_ascii=False)
