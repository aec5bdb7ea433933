"""Reads a CSV file of invoices: provider, model (may be empty or left out), month, amount, currency."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from usage_pipeline.inputs import InputError
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.values import currency_code

# A line a model and month: years of a company fit into a tenth of it.
_LARGEST = 64_000_000
_NEEDED = ("provider", "month", "amount", "currency")
_COLUMNS = ("provider", "model", "month", "amount", "currency")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(-01)?")
_AMOUNT = re.compile(r"\d+(\.\d+)?")


class InvoiceFileError(InputError):
    """A file of invoices is refused as a whole; one line a mistake, with file, line, column, value and a fix."""


@dataclass(frozen=True)
class InvoiceLine:
    """What a provider asked for a month, for one model or (empty) for all of them."""

    provider: str
    model: str
    month: date
    amount: Decimal
    currency: str


def read_invoice_file(path: Path) -> list[InvoiceLine]:
    """Every line of the file, or InvoiceFileError that names every mistake in it; nothing is taken from a bad file."""
    try:
        text = bounded_bytes(path, _LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise InvoiceFileError(f"{path}: cannot be read ({error.strerror}): check its name") from None
    except UnicodeDecodeError:
        raise InvoiceFileError(f"{path}: is not UTF-8 text: save it as CSV UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    names = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    lacking = [name for name in _NEEDED if name not in names]
    if lacking:
        raise InvoiceFileError(
            f"{path}, line 1: lacks the column {', '.join(lacking)}: the first line names {', '.join(_COLUMNS)}"
        )
    rows.fieldnames = names
    found: dict[tuple[str, str, date], tuple[int, InvoiceLine]] = {}
    mistakes: list[str] = []
    for row in rows:
        if not any((value or "").strip() for value in row.values() if not isinstance(value, list)):
            continue
        problems = list(_mistakes(row))
        mistakes += [f"{path}, line {rows.line_num}, {problem}" for problem in problems]
        if problems:
            continue
        line = _line(row)
        key = (line.provider.lower(), line.model.lower(), line.month)
        if key in found:
            mistakes.append(f"{path}, line {rows.line_num}, repeats line {found[key][0]}: add the two amounts up")
        found.setdefault(key, (rows.line_num, line))
    if mistakes:
        raise InvoiceFileError("\n".join(mistakes))
    return [line for _, line in found.values()]


def _mistakes(row: Mapping[str | None, object]) -> Iterator[str]:
    if None in row:
        yield "has more fields than the first line: put texts with commas in quotes"
    provider, month, amount, currency = (str(row.get(name) or "").strip() for name in _NEEDED)
    if not provider:
        yield "provider: is empty: write it as `usage-pipeline invoices show` or the reports name it, such as openai"
    if not _MONTH.fullmatch(month):
        yield f"month: {month!r} is not a month: write 2026-11"
    if not _is_amount(amount):
        yield f"amount: {amount!r} is not an amount: write digits and a point, such as 1234.50"
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        yield f"currency: {currency!r} is not a currency: write its three letters, such as USD or CNY"


def _is_amount(text: str) -> bool:
    try:
        return bool(_AMOUNT.fullmatch(text)) and Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _line(row: Mapping[str | None, object]) -> InvoiceLine:
    provider, month, amount, currency = (str(row.get(name) or "").strip() for name in _NEEDED)
    return InvoiceLine(
        provider=provider.lower(),
        model=str(row.get("model") or "").strip().lower(),
        month=date(int(month[:4]), int(month[5:7]), 1),
        amount=Decimal(amount),
        currency=currency_code(currency),
    )
