"""Keeps invoices, and holds what was counted against them: the coverage ratio."""

from collections.abc import Sequence

from usage_pipeline.invoices.invoice_file import InvoiceLine
from usage_pipeline.pricing.price_rules import price_book
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

COLUMNS = ("month", "provider", "model", "amount", "currency", "invoiced", "counted", "ratio", "tokens",
           "unpriced_tokens")  # fmt: skip


def keep_invoices(warehouse: Connection, lines: Sequence[InvoiceLine]) -> dict[str, int]:
    """Keeps the lines in one transaction; returns how many were new, corrected, and known already."""
    counts = {"new": 0, "corrected": 0, "unchanged": 0}
    with warehouse.transaction():
        for line in lines:
            row = warehouse.execute(
                statement("invoices/keep"),
                {
                    "provider": line.provider,
                    "model": line.model,
                    "month": line.month,
                    "amount": line.amount,
                    "currency": line.currency,
                },
            ).fetchone()
            counts[str(row[0]) if row else "unchanged"] += 1
    return counts


def coverage(warehouse: Connection, settings: Settings) -> list[tuple[object, ...]]:
    """Rows of COLUMNS, the newest month first; invoiced and counted in the base currency, ratio counted / invoiced.

    Without an exchange rate for an invoice's currency, invoiced and ratio are None.
    """
    book = price_book(settings)
    return warehouse.execute(
        statement("invoices/coverage"), {"rates": book.rates, "base_currency": book.base_currency}
    ).fetchall()
