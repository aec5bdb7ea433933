"""The workbook's first sheets: what happened in sentences, key figures, a chart of 60 days, budgets, and the story."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from usage_pipeline.reports import labels
from usage_pipeline.reports.cells import cell
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.xlsx_sheets import Paper, write_value
from usage_pipeline.reports.formats.xlsx_styles import EXACT, Styles
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.measures import ratio
from usage_pipeline.reports.story import story
from usage_pipeline.reports.tables import ColumnKind
from usage_pipeline.reports.words import words

_LAST_COLUMN = 8
_BUDGETS = 12
_HEIGHT_OF_A_LINE = 16
_CHARACTERS = {"zh": 78, "en": 135}
_COST_OF_TREND = "I"  # the column base_cost of the sheet of days
Figure = tuple[str, object, object, ColumnKind]


def summary_sheet(
    book: Workbook, sheet: Worksheet, report: Report, language: str, styles: Styles, paper: Paper
) -> None:
    """Writes the summary: one page of A4 across."""
    text = words(language)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 20)
    sheet.set_column(2, _LAST_COLUMN, 14)
    whose = report.tenant.name if report.tenant else text["all_tenants"]
    state = text["provisional"] if report.provisional else text["final"]
    sheet.write_string(0, 0, f"{text['title']} {report.edition.name}", styles.title)
    made = report.made_at.astimezone(ZoneInfo(report.zone))
    about = f"{whose} · {report.currency} · {report.zone} · {text['made_at']} {made:%Y-%m-%d %H:%M} · {state}"
    sheet.write_string(1, 0, cell(about), styles.soft)
    for row, sentence in enumerate(headline(report, language).sentences, start=2):
        style = styles.first_sentence if row == 2 else styles.sentence
        sheet.merge_range(row, 0, row, _LAST_COLUMN, cell(sentence), style)
        lines = 1 + len(sentence) // _CHARACTERS[language]
        sheet.set_row(row, _HEIGHT_OF_A_LINE * lines + 4)
    _figures(sheet, 6, report, language, styles)
    _chart(book, sheet, report, language)
    _budgets(sheet, 22, report, language, styles)
    paper.lay_out(sheet, repeated=False)
    sheet.print_area(0, 0, 24 + min(len(report.budgets), _BUDGETS), _LAST_COLUMN)
    sheet.fit_to_pages(1, 1)


def _figures(sheet: Worksheet, first: int, report: Report, language: str, styles: Styles) -> None:
    text = words(language)
    before = text[report.comparisons[0].name] if report.comparisons else text["cost_before"]
    for at, word in enumerate((text["key_figures"], report.currency, before, text["change"])):
        sheet.write_string(first, at, word, styles.head_of("text" if at == 0 else "number"))
    for row, (name, now, then, kind) in enumerate(_lines(report), start=first + 1):
        sheet.write_string(row, 0, text[name.removesuffix(EXACT)] + (text[EXACT] if name.endswith(EXACT) else ""))
        write_value(sheet, row, 1, now, kind, styles, report.zone)
        write_value(sheet, row, 2, then, kind, styles, report.zone)
        if isinstance(now, int | Decimal) and isinstance(then, Decimal) and then:
            write_value(sheet, row, 3, ratio(Decimal(now) - then, then), "ratio", styles, report.zone)


def _lines(report: Report) -> Iterator[Figure]:
    """Name, value, value of the edition before, and kind."""
    totals = report.totals
    before = report.comparisons[0] if report.comparisons else None
    yield "base_cost", totals.base_cost, before.base_cost if before else None, "money"
    yield "base_cost" + EXACT, format(totals.base_cost, "f"), None, "text"
    yield "total_tokens", totals.total_tokens, before.total_tokens if before else None, "count"
    yield "calls", totals.calls, before.calls if before else None, "count"
    yield "failed_calls", totals.failed_calls, None, "count"
    yield "unpriced_tokens", totals.unpriced_tokens, None, "count"
    yield "cost_per_call", totals.cost_per_call, _rate(before, "calls", 1), "number"
    yield "cost_per_1000_tokens", totals.cost_per_thousand_tokens, _rate(before, "total_tokens", 1000), "number"
    yield "month_to_date", report.month.base_cost, None, "money"
    yield "month_forecast", report.month.forecast, None, "money"


def _rate(before: object, of: str, times: int) -> Decimal | None:
    amount, number = getattr(before, "base_cost", None), getattr(before, of, None)
    return ratio(amount * times, number) if amount is not None and number else None


def _chart(book: Workbook, sheet: Worksheet, report: Report, language: str) -> None:
    """The costs of the sheet of days, as columns."""
    text = words(language)
    name, last = text["table_trend"][:31].replace("'", "''"), len(report.trend)
    chart = book.add_chart({"type": "column"})
    chart.add_series(
        {
            "name": f"{text['base_cost']} ({report.currency})",
            "categories": f"='{name}'!$A$2:$A${last + 1}",
            "values": f"='{name}'!${_COST_OF_TREND}$2:${_COST_OF_TREND}${last + 1}",
            "fill": {"color": "#2F6FB2"},
            "gap": 30,
        }
    )
    chart.set_title({"name": text["table_trend"], "name_font": {"size": 11}})
    chart.set_legend({"none": True})
    chart.set_x_axis({"date_axis": True, "num_format": "mm-dd", "major_unit": 7, "major_unit_type": "days"})
    chart.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D5DCE3"}}})
    chart.set_size({"width": 480, "height": 290})
    sheet.insert_chart(6, 4, chart, {"x_offset": 12, "description": text["table_trend"]})


def _budgets(sheet: Worksheet, first: int, report: Report, language: str, styles: Styles) -> None:
    text = words(language)
    sheet.merge_range(first, 0, first, _LAST_COLUMN, text["table_budgets"], styles.section)
    heads = ("name", "scope_name", "period", "measure", "spent", "base_limit", "added", "highest_ratio", "level")
    for at, name in enumerate(heads):
        sheet.write_string(first + 1, at, text[name], styles.head_of("number" if 4 <= at <= 7 else "text"))
    sheet.set_row(first + 1, 2 * _HEIGHT_OF_A_LINE)
    shown = report.budgets[:_BUDGETS]
    for row, line in enumerate(shown, start=first + 2):
        values: Sequence[tuple[object, ColumnKind]] = (
            (line.name, "text"),
            (line.scope_name, "text"),
            (labels.period(line.period, language), "text"),
            (labels.measure(line.measure, language), "text"),
            (line.spent, "money" if line.measure == "cost" else "count"),
            (line.base_limit, "money" if line.measure == "cost" else "count"),
            (line.added or None, "money" if line.measure == "cost" else "count"),
            (line.highest_ratio, "ratio"),
            (labels.level(line.highest_level, language), "text"),
        )
        for at, (value, kind) in enumerate(values):
            write_value(sheet, row, at, value, kind, styles, report.zone)
    if shown:
        last = first + 1 + len(shown)
        for rule in styles.levels():
            sheet.conditional_format(first + 2, 7, last, 7, rule)
        sheet.conditional_format(
            first + 2, 7, last, 7,
            {"type": "data_bar", "bar_solid": True, "bar_color": "#A9C6E4", "min_type": "num", "min_value": 0,
             "max_type": "num", "max_value": 1},
        )  # fmt: skip


def story_sheet(sheet: Worksheet, report: Report, language: str, styles: Styles, paper: Paper) -> None:
    """Writes what happened, in the order of time; times are the report's zone's."""
    text = words(language)
    for at, (word, width) in enumerate(((text["at"], 18), (text["level"], 12), (text["what"], 110))):
        sheet.write_string(0, at, word, styles.head)
        sheet.set_column(at, at, width)
    entries = story(report, language)
    for row, entry in enumerate(entries, start=1):
        write_value(sheet, row, 0, entry.at, "time", styles, report.zone)
        sheet.write_string(row, 1, labels.level(entry.level, language) if entry.level else "")
        sheet.write_string(row, 2, cell(entry.text), styles.sentence)
    if not entries:
        sheet.write_string(1, 2, text["quiet_day"])
    sheet.write_string(len(entries) + 2, 2, f"{text['times_in']} {report.zone}", styles.soft)
    sheet.freeze_panes(1, 0)
    sheet.print_area(0, 0, len(entries) + 2, 2)
    paper.lay_out(sheet)
