"""`usage-pipeline invoices`: import what providers invoiced, and see how much of it was counted."""

from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import AsJson, complain, for_people, print_json, say, show_rows
from usage_pipeline.invoices.coverage import COLUMNS, coverage, keep_invoices
from usage_pipeline.invoices.invoice_file import read_invoice_file

_RIGHT = ("amount", "invoiced", "counted", "ratio", "tokens", "unpriced_tokens")


@for_people
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV: provider, model (optional), month (2026-11), amount, currency.")],
    as_json: AsJson = False,
) -> None:
    """Take a CSV file of invoices. The same file again changes nothing, a corrected amount replaces."""
    lines = read_invoice_file(file)
    with open_warehouse() as connection:
        counts = keep_invoices(connection, lines)
    if as_json:
        print_json(counts)
        return
    say(f"{counts['new']} new, {counts['corrected']} corrected, {counts['unchanged']} known already")


@for_people
def show(as_json: AsJson = False) -> None:
    """By month, provider and model: invoiced, counted and their ratio, in the configuration's currency."""
    with open_context() as (connection, configuration):
        rows = coverage(connection, configuration.settings)
        currency = configuration.settings.currency
    if as_json:
        print_json({"currency": currency, "rows": rows})
        return
    shown = [
        tuple({**asdict(row), "month": f"{row.month:%Y-%m}", "ratio": _per_cent(row.ratio)}.values()) for row in rows
    ]
    show_rows(f"Coverage: invoiced and counted in {currency}", COLUMNS, shown, right=_RIGHT)
    missing = sorted({str(row.currency) for row in rows if row.lacks_exchange_rate})
    if missing:
        complain(f"no exchange rate for {', '.join(missing)}: add it to exchange_rates:", style="yellow")


def _per_cent(ratio: Decimal | None) -> str | None:
    return None if ratio is None else f"{ratio:.1%}"
