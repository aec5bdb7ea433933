"""Reads a CSV file of invoices: provider, model (may be empty or left out), month, amount, currency."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from usage_pipeline.inputs import InputError, shown
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.values import currency_code

# A line a model and month: years of a company fit into a tenth of it.
_LARGEST = 8_000_000
# Whoever has more of them in a file has the wrong file.
_MOST_MISTAKES = 50
_NEEDED = ("provider", "month", "amount", "currency")
_COLUMNS = ("provider", "model", "month", "amount", "currency")
_MONTH = re.compile(r"(19[7-9][0-9]|[2-8][0-9]{3})-(0[1-9]|1[0-2])(-01)?")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,200}")


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
    try:
        return _lines(path, csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InvoiceFileError(f"{path}: is not CSV ({error}): save it as CSV UTF-8") from None


def _lines(path: Path, rows: "csv.DictReader[str]") -> list[InvoiceLine]:
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
        if len(mistakes) > _MOST_MISTAKES:
            break
        if problems:
            continue
        line = _line(row)
        key = (line.provider.lower(), line.model.lower(), line.month)
        if key in found:
            mistakes.append(f"{path}, line {rows.line_num}, repeats line {found[key][0]}: add the two amounts up")
        found.setdefault(key, (rows.line_num, line))
    if mistakes:
        more = ["and more: these are the first"] if len(mistakes) > _MOST_MISTAKES else []
        raise InvoiceFileError("\n".join([*mistakes[:_MOST_MISTAKES], *more]))
    return [line for _, line in found.values()]


def _mistakes(row: Mapping[str | None, object]) -> Iterator[str]:
    if None in row:
        yield "has more fields than the first line: put texts with commas in quotes"
    provider, month, amount, currency = (str(row.get(name) or "").strip() for name in _NEEDED)
    if not provider:
        yield "provider: is empty: write it as `usage-pipeline invoices show` or the reports name it, such as openai"
    for name in ("provider", "model"):
        if not _NAME.fullmatch(str(row.get(name) or "").strip()):
            yield f"{name}: {shown(str(row.get(name)))} is not a name: write up to 200 letters on one line"
    if not _MONTH.fullmatch(month):
        yield f"month: {shown(month)} is not a month: write 2026-11"
    if not _AMOUNT.fullmatch(amount):
        yield f"amount: {shown(amount)} is not an amount: write digits and a point, such as 1234.50"
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        yield f"currency: {shown(currency)} is not a currency: write its three letters, such as USD or CNY"


def _line(row: Mapping[str | None, object]) -> InvoiceLine:
    provider, month, amount, currency = (str(row.get(name) or "").strip() for name in _NEEDED)
    return InvoiceLine(
        provider=provider.lower(),
        model=str(row.get("model") or "").strip().lower(),
        month=date(int(month[:4]), int(month[5:7]), 1),
        amount=Decimal(amount),
        currency=currency_code(currency),
    )
