"""Writes a tenant's statement as a PDF: A4, heads that repeat, the font embedded, so that it looks alike everywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.reports.chargeback import Statement
from usage_pipeline.reports.numbers import cost, count, money, part
from usage_pipeline.reports.statement_terms import Terms
from usage_pipeline.reports.words import words
from usage_pipeline.settings.extras import need

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "NotoSansSC"
_HEAD = (232, 238, 244)
_LONGEST = 60
# What a person leafs through; the workbook has every line.
_LINES = 400
_LEFT, _RIGHT = "LEFT", "RIGHT"


def check_pdf_installed() -> None:
    """Raises MissingExtraError without the extra `pdf`."""
    need("fpdf", "pdf", "a statement as PDF")
    need("pylopdf_fonts_zh_cn", "pdf", "a statement as PDF")


def write_statement_pdf(found: Statement, terms: Terms, path: Path) -> None:
    """Writes the statement in the terms' language. Raises MissingExtraError without the extra `pdf`."""
    check_pdf_installed()
    text = words(terms.language)
    page = _new_page(f"{text['chargeback']} {found.period.first:%Y-%m} · {plain(found.tenant.name)}")
    # The same statement makes the same file: it is dated by its period.
    page.set_creation_date(datetime.combine(found.period.last, time(), UTC))
    _line(page, text["chargeback"], 18)
    _line(page, plain(found.tenant.name), 13)
    _line(page, f"{found.period.first} – {found.period.last} · {found.currency}", 10)
    page.ln(3)
    _table(page, *_lines(found, terms.language), widths=(34, 13, 30, 12, 18, 12, 18))
    page.ln(2)
    _line(page, f"{text['amount_due']}: {cost(found.amount, found.currency, terms.language)}", 14)
    _line(page, f"{text['base_cost']}{text['_exact']}: {found.base_cost:f} {found.currency}", 9)
    unpriced = sum(line.unpriced_tokens for line in found.lines)
    if unpriced:
        _line(page, text["unpriced_note"].format(tokens=count(unpriced)), 9)
    page.ln(3)
    _line(page, text["table_prices"], 12)
    _line(page, text["prices_note"], 8)
    _table(page, *_prices(terms), widths=(34, 30, 22, 20, 12, 20))
    for rate in terms.rates:
        _line(page, f"{text['rates']}: {rate.shown(found.currency)}", 9)
    page.output(str(path))


def _new_page(title: str) -> "FPDF":
    from fpdf import FPDF  # noqa: PLC0415  (slow to import, and an extra)
    from pylopdf_fonts_zh_cn import sans_path  # noqa: PLC0415

    class Page(FPDF):
        """A page with the title at its head and its number at its foot."""

        def header(self) -> None:
            self.set_font(_FONT, size=8)
            self.cell(0, 5, title, align="L", new_x="LMARGIN", new_y="NEXT")
            self.ln(2)

        def footer(self) -> None:
            self.set_y(-12)
            self.set_font(_FONT, size=8)
            self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    page = Page(orientation="P", format="A4")
    page.add_font(_FONT, "", str(sans_path()))
    page.set_title(title)
    page.set_margin(12)
    page.add_page()
    return page


def _line(page: "FPDF", text: str, size: int) -> None:
    page.set_font(_FONT, size=size)
    page.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")


def _table(
    page: "FPDF", head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int, *, widths: Sequence[int]
) -> None:
    """A table whose last columns, ``numbers`` of them, stand to the right."""
    from fpdf.fonts import FontFace  # noqa: PLC0415  (slow to import, and an extra)

    page.set_font(_FONT, size=8)
    align = (*([_LEFT] * (len(head) - numbers)), *([_RIGHT] * numbers))
    style = FontFace(emphasis="", fill_color=_HEAD)
    with page.table(
        text_align=align, headings_style=style, col_widths=tuple(widths), borders_layout="HORIZONTAL_LINES",
        line_height=4.5,
    ) as table:  # fmt: skip
        table.row(head)
        for row in rows:
            table.row([text[:_LONGEST] for text in row])


def _lines(found: Statement, language: str) -> tuple[list[str], list[list[str]], int]:
    text = words(language)
    names = ("project", "environment", "model", "calls", "total_tokens", "share", "amount")
    shown, others = found.lines[:_LINES], found.lines[_LINES:]
    rows = [
        [
            plain(line.project),
            plain(line.environment),
            plain(line.model or text["model_unknown"]),
            count(line.calls),
            count(line.total_tokens),
            part(found.share_of(line)),
            money(line.amount, 2),
        ]
        for line in shown
    ]
    if others:
        amount = sum(line.amount for line in others)
        tokens = sum(line.total_tokens for line in others)
        calls = sum(line.calls for line in others)
        rest = text["others"].format(n=len(others))
        rows.append([rest, "", "", count(calls), count(tokens), "", money(Decimal(amount), 2)])
    calls, tokens = sum(line.calls for line in found.lines), sum(line.total_tokens for line in found.lines)
    rows.append([text["total"], "", "", count(calls), count(tokens), "", money(found.amount, 2)])
    return [text[name] for name in names], rows, 4


def _prices(terms: Terms) -> tuple[list[str], list[list[str]], int]:
    text = words(terms.language)
    names = ("model", "provider", "basis", "total_tokens", "currency", "per_million")
    rows = [
        [
            plain(price.model or text["model_unknown"]),
            plain(price.provider or "–"),
            text[f"basis_{price.basis}"],
            count(price.total_tokens),
            price.currency or "–",
            money(price.per_million, 4) if price.basis != "unpriced" else "–",
        ]
        for price in terms.prices
    ]
    return [text[name] for name in names], rows, 3
