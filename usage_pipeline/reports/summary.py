"""The report in at most ten lines, for a message: the three sentences, then the key figures."""

from decimal import Decimal

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.numbers import change, cost, count, money, short_count
from usage_pipeline.reports.words import words

LINE_LIMIT = 10


def summary_title(report: Report, language: str) -> str:
    """Returns what it is of, and the sum."""
    text = words(language)
    whose = report.tenant.name if report.tenant else text["all_tenants"]
    total = f"{money(report.totals.base_cost)} {report.currency}"
    return f"{text['title']} {report.edition.name} · {whose}: {total}"


def summary_lines(report: Report, language: str) -> list[tuple[str, str]]:
    """Returns label and value, the sentences first; what there is nothing of is left out."""
    text, totals = words(language), report.totals
    said = headline(report, language)

    def shown(value: Decimal) -> str:
        return cost(value, report.currency, language)

    forecast = f"{text['month_forecast']} {shown(report.month.forecast)}"
    per_call = cost(totals.cost_per_call, report.currency, language, places=4)
    lines = [
        (text["line_spent"], said.spent),
        (text["line_who"], said.who),
        (text["line_done"], said.done),
        (text["state"], text["provisional"] if report.provisional else ""),
        (text["base_cost"], f"{shown(totals.base_cost)}{_compared(report, text)}"),
        (text["total_tokens"], f"{short_count(totals.total_tokens, language)} · {count(totals.calls)} {text['calls']}"),
        (text["cost_per_call"], per_call if totals.calls else ""),
        (text["month_to_date"], f"{shown(report.month.base_cost)} · {forecast}"),
        (text["table_corrections"], str(len(report.corrections)) if report.corrections else ""),
    ]
    return [(label, value) for label, value in lines if value][:LINE_LIMIT]


def _compared(report: Report, text: dict[str, str]) -> str:
    parts = [f"{text[c.name]} {change(c.change)}" for c in report.comparisons[:2] if c.change is not None]
    return f" ({', '.join(parts)})" if parts else ""
