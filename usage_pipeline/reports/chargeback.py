"""The statement of what each tenant is charged for a month: exact, and in cents that add up."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path

from usage_pipeline.reports.cells import plain
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.edition import ReportPeriod, month_of
from usage_pipeline.reports.measures import ZERO, ratio
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

CENT = Decimal("0.01")


@dataclass(frozen=True)
class StatementLine:
    """A tenant's project and model in a month."""

    source: str
    tenant_id: str
    tenant: str
    environment: str
    app_id: str
    project: str
    provider: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    unpriced_tokens: int
    base_cost: Decimal  # exact, as the daily tables have it
    amount: Decimal = ZERO  # in cents; a tenant's lines add up to its rounded total


@dataclass(frozen=True)
class Statement:
    """A tenant's lines of a month."""

    tenant: Tenant
    period: ReportPeriod
    currency: str
    lines: Sequence[StatementLine]

    @property
    def base_cost(self) -> Decimal:
        """Returns the exact sum."""
        return sum((line.base_cost for line in self.lines), ZERO)

    @property
    def amount(self) -> Decimal:
        """Returns the sum in cents: that of the lines, and the exact one rounded."""
        return sum((line.amount for line in self.lines), ZERO)

    def share_of(self, line: StatementLine) -> Decimal:
        """Returns a line's part of the exact sum, as a ratio; zero where there is no sum."""
        return ratio(line.base_cost, self.base_cost) or ZERO


def chargeback(connection: Connection, month: date, currency: str, tenant: Tenant | None = None) -> list[Statement]:
    """Returns a statement for each tenant that used anything in the month of a day, or for one. Writes nothing."""
    period = month_of(month)
    parameters = {
        "first": period.first,
        "last": period.last,
        "source": tenant.source if tenant else None,
        "tenant_id": tenant.tenant_id if tenant else None,
    }
    found = rows(connection, StatementLine, statement("reports/chargeback"), parameters)
    return [
        Statement(Tenant(source, tenant_id, lines[0].tenant, ""), period, currency, in_cents(lines))
        for (source, tenant_id), each in groupby(found, key=lambda line: (line.source, line.tenant_id))
        if (lines := list(each))
    ]


def in_cents(lines: Sequence[StatementLine]) -> list[StatementLine]:
    """Returns the lines with amounts in cents that add up to the rounded sum.

    Each line is cut to cents; the cents that then lack go to the lines that lost most.
    """
    total = sum((line.base_cost for line in lines), ZERO).quantize(CENT, ROUND_HALF_UP)
    amounts = [line.base_cost.quantize(CENT, ROUND_DOWN) for line in lines]
    lacking = int((total - sum(amounts, ZERO)) / CENT)
    by_loss = sorted(range(len(lines)), key=lambda at: (amounts[at] - lines[at].base_cost, at))
    for at in by_loss[:lacking]:
        amounts[at] += CENT
    return [replace(line, amount=amount) for line, amount in zip(lines, amounts, strict=True)]


def write_statement(found: Statement, path: Path) -> None:
    """CSV, a line a project and model, and the total last; UTF-8 with the mark that Excel looks for."""
    names = [field.name for field in fields(StatementLine)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "currency"])
        for line in found.lines:
            writer.writerow([*(plain(getattr(line, name)) for name in names), found.currency])
        sums: dict[str, object] = {
            name: sum(getattr(line, name) for line in found.lines)
            for name in names
            if name.endswith("tokens") or name == "calls"
        }
        sums |= {"source": "total", "base_cost": found.base_cost, "amount": found.amount}
        writer.writerow([*(plain(sums.get(name)) for name in names), found.currency])
