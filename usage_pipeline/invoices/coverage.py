"""Keeps invoices, and holds what was counted against them: the coverage ratio."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.invoices.invoice_file import InvoiceLine
from usage_pipeline.pricing.price_rules import price_book
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value_or_none
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class Coverage:
    """A provider's (or its model's) month: invoiced and counted in the base currency, ratio counted / invoiced."""

    month: date
    provider: str | None
    model: str | None
    amount: Decimal | None  # as invoiced, in ``currency``; None where there is usage and no invoice
    currency: str | None
    invoiced: Decimal | None  # None without an invoice, and without an exchange rate for its currency
    counted: Decimal
    ratio: Decimal | None
    tokens: Decimal
    unpriced_tokens: Decimal

    @property
    def lacks_exchange_rate(self) -> bool:
        """Whether there is an invoice whose currency the configuration has no exchange rate for."""
        return self.amount is not None and self.invoiced is None


COLUMNS = tuple(Coverage.__dataclass_fields__)


def keep_invoices(warehouse: Connection, lines: Sequence[InvoiceLine]) -> dict[str, int]:
    """Keeps the lines in one transaction; returns how many were new, corrected, and known already."""
    counts = Counter({"new": 0, "corrected": 0, "unchanged": 0})
    with warehouse.transaction():
        for line in lines:
            counts[value_or_none(warehouse, str, statement("invoices/keep"), asdict(line)) or "unchanged"] += 1
    return dict(counts)


def coverage(warehouse: Connection, settings: Settings) -> list[Coverage]:
    """Returns what was invoiced and counted, the newest month first."""
    book = price_book(settings)
    parameters = {"rates": book.rates, "base_currency": book.base_currency}
    return rows(warehouse, Coverage, statement("invoices/coverage"), parameters)
