"""Reads each format of the report back: the sums that its file holds, and its cells as a spreadsheet takes them."""

import base64
import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import openpyxl
from pyarrow import parquet

from usage_pipeline.reports.formats.page_rows import HALF
from usage_pipeline.reports.formats.xlsx import EXACT
from usage_pipeline.reports.words import words
from usage_pipeline.settings.reports import ReportFormat

Sums = dict[str, Decimal]


@dataclass(frozen=True)
class ReadBack:
    """How a file in English is read: calls, total_tokens and base_cost of all rows; its cells; all of its text.

    ``cells`` is None where nothing takes them for formulas: a page's text and a typed column never run.
    """

    sums: Callable[[Path], Sums]
    cells: Callable[[Path], Iterable[str]] | None
    text: Callable[[Path], str]


def _summed(rows: Iterable[Mapping[str, object]], calls: str, tokens: str, cost: str) -> Sums:
    names = {"calls": calls, "total_tokens": tokens, "base_cost": cost}
    found = list(rows)
    return {name: sum((Decimal(str(row[column])) for row in found), Decimal(0)) for name, column in names.items()}


def page_document(path: Path) -> dict[str, object]:
    """Returns the rows that a page carries."""
    found = re.search(r'<script type="text/plain" id="rows">([^<]*)</script>', path.read_text(encoding="utf-8"))
    assert found
    document = json.loads(gzip.decompress(base64.b64decode(found[1])))
    assert isinstance(document, dict)
    return document


def _page_sums(path: Path) -> Sums:
    document = page_document(path)
    columns = document["columns"]
    assert isinstance(columns, dict)
    cost = sum(high * HALF + low for high, low in zip(columns["cost_high"], columns["cost_low"], strict=True))
    return {
        "calls": Decimal(sum(columns["calls"])),
        "total_tokens": Decimal(sum(columns["total_tokens"])),
        "base_cost": Decimal(cost).scaleb(-int(str(document["scale"]))),
    }


def _workbook_sums(path: Path) -> Sums:
    text = words("en")
    sheet = openpyxl.load_workbook(path)[text["table_project"]]
    head = [str(value.value) for value in sheet[1]]
    every = [dict(zip(head, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True) if row[0]]
    return _summed(every[:-1], text["calls"], text["total_tokens"], text["base_cost"] + text[EXACT])


def _workbook_cells(path: Path) -> Iterator[str]:
    """Every cell that is text; the formulas of the totals are ours."""
    for sheet in openpyxl.load_workbook(path):
        last = sheet.max_row
        for row in sheet.iter_rows():
            yield from (c.value for c in row if isinstance(c.value, str) and not (c.row == last and c.data_type == "f"))


def csv_tables(path: Path) -> dict[str, list[dict[str, str]]]:
    """Returns a zip's tables by name."""
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
            for name in archive.namelist()
        }


def _csv_cells(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            for row in csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))):
                yield from row


def focus_rows(path: Path) -> list[dict[str, str]]:
    """Returns the charges by column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _focus_cells(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield from row


READ_BACK: dict[ReportFormat, ReadBack] = {
    ReportFormat.HTML: ReadBack(
        _page_sums, None, lambda path: path.read_text(encoding="utf-8") + json.dumps(page_document(path))
    ),
    ReportFormat.XLSX: ReadBack(_workbook_sums, _workbook_cells, lambda path: "\n".join(_workbook_cells(path))),
    ReportFormat.CSV: ReadBack(
        lambda path: _summed(csv_tables(path)["usage"], "calls", "total_tokens", "base_cost"),
        _csv_cells,
        lambda path: "\n".join(_csv_cells(path)),
    ),
    ReportFormat.PARQUET: ReadBack(
        lambda path: _summed(parquet.read_table(path).to_pylist(), "calls", "total_tokens", "base_cost"),
        None,
        lambda path: str(parquet.read_table(path).to_pylist()),
    ),
    ReportFormat.FOCUS: ReadBack(
        lambda path: _summed(focus_rows(path), "x_Calls", "ConsumedQuantity", "BilledCost"),
        _focus_cells,
        lambda path: "\n".join(_focus_cells(path)),
    ),
}
