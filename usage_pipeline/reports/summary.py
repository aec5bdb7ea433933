"""The report in at most ten lines, for a message."""

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.numbers import change, count, money, share
from usage_pipeline.reports.words import words

LINE_LIMIT = 10
_NOTICED = ("warning", "critical", "emergency")


def summary_title(report: Report, language: str) -> str:
    """Returns what it is of, and the sum."""
    text = words(language)
    whose = report.tenant.name if report.tenant else text["all_tenants"]
    cost = f"{money(report.totals.base_cost)} {report.currency}"
    return f"{text['title']} {report.edition.name} · {whose}: {cost}"


def summary_lines(report: Report, language: str) -> list[tuple[str, str]]:
    """Returns label and value, the most telling first; what there is nothing of is left out."""
    text, totals = words(language), report.totals
    currency = report.currency
    forecast = f"{text['month_forecast']} {money(report.month.forecast)}"
    lines = [
        (text["state"], text["provisional"] if report.provisional else ""),
        (text["base_cost"], f"{money(totals.base_cost)} {currency}{_compared(report, text)}"),
        (text["total_tokens"], f"{count(totals.total_tokens)} · {count(totals.calls)} {text['calls']}"),
        (text["month_to_date"], f"{money(report.month.base_cost)} {currency} · {forecast}"),
        (text["table_project"], _most(report, "project")),
        (text["table_model"], _most(report, "model")),
        (text["table_movers"], _mover(report, text)),
        (text["table_budgets"], _budgets(report)),
        (text["table_alerts"], str(len(report.alerts)) if report.alerts else ""),
        (text["unpriced_tokens"], count(totals.unpriced_tokens) if totals.unpriced_tokens else ""),
        (text["table_savings"], _saving(report, text)),
    ]
    return [(label, value) for label, value in lines if value][:LINE_LIMIT]


def _compared(report: Report, text: dict[str, str]) -> str:
    parts = [f"{text[c.name]} {change(c.change)}" for c in report.comparisons[:2] if c.change is not None]
    return f" ({', '.join(parts)})" if parts else ""


def _most(report: Report, dimension: str) -> str:
    rows = [row for row in report.spent[dimension][:3] if row.base_cost]
    return ", ".join(f"{row.name} {money(row.base_cost)}" for row in rows)


def _mover(report: Report, text: dict[str, str]) -> str:
    if not report.movers:
        return ""
    first = report.movers[0]
    sign = "+" if first.change > 0 else ""
    return f"{first.name} {sign}{money(first.change)} ({text['reason_' + first.reason]})"


def _budgets(report: Report) -> str:
    noticed = [budget for budget in report.budgets if budget.level in _NOTICED][:3]
    return ", ".join(f"{b.budget_id} {b.scope_name} {share(b.ratio)}" for b in noticed)


def _saving(report: Report, text: dict[str, str]) -> str:
    if not report.savings:
        return ""
    first = report.savings[0]
    saved = f"{text['estimated_saving']} {money(first.estimated_saving)} {report.currency}"
    return f"{first.project}: {first.model} → {first.instead}, {saved}"
