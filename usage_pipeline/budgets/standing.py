"""How budgets stand now, and amounts of a budget with their unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class CurrentStanding:
    """A budget's value in its current period, which began on ``since`` in its own zone; amounts in its measure."""

    budget_id: str
    scope_name: str
    scope: Mapping[str, object]
    since: date
    period: str
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str
    forecast: Decimal | None
    config_version: int

    @property
    def percent(self) -> float:
        """Returns what is spent in per cent of the limit, never rounded up."""
        return int(self.ratio * 1000) / 10


def standing_now(connection: Connection, budget_id: str | None = None, *, limit: int = 25) -> list[CurrentStanding]:
    """Returns the values of every budget, or of one, in their current periods, the highest ratio first."""
    return rows(
        connection, CurrentStanding, statement("budgets/standing_now"), {"budget_id": budget_id, "limit": limit}
    )


def in_unit(amount: Decimal | None, measure: str, currency: str) -> str:
    """Returns an amount with its unit: ``3,082,408 tokens``, ``1,234.50 CNY``; nothing for none."""
    if amount is None:
        return ""
    return f"{amount:,.2f} {currency}" if measure == "cost" else f"{amount:,.0f} {measure.replace('_', ' ')}"
