"""What a report said when it was sent, or first was final, and what was corrected since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.reports.document import Correction, Report, Tenant
from usage_pipeline.reports.edition import Edition
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement

_TOTALS = ("base_cost", "total_tokens", "calls", "failed_calls", "unpriced_tokens")
_OF_BUDGET = ("spent", "limit", "highest_level")


@dataclass(frozen=True)
class SaidBefore:
    """A row of usage.report_edition: exact figures as text, by their names."""

    made_at: datetime
    sent_at: datetime | None
    config_version: int | None
    said: Mapping[str, str]


def said_before(connection: Connection, edition: Edition, tenant: Tenant | None) -> SaidBefore | None:
    """Returns what the edition's report said when it was sent or first was final; None when it never was."""
    return row(connection, SaidBefore, statement("reports/said"), _key(edition, tenant))


def keep_said(connection: Connection, report: Report, *, sent: bool = False) -> None:
    """Keeps what the report says when it is sent, or first is final; what was sent is never overwritten."""
    if report.provisional and not sent:
        return
    parameters = {
        **_key(report.edition, report.tenant),
        "made_at": report.made_at,
        "sent_at": report.made_at if sent else None,
        "config_version": report.config_version,
        "said": json.dumps(figures(report)),
    }
    connection.execute(statement("reports/keep_said"), parameters)


def figures(report: Report) -> dict[str, str]:
    """Returns every figure that a later report is held against, exact, as text.

    Names are ``measure``, ``project|<key>|base_cost`` and ``budget|<id>|<value>|<period>|<what>``.
    """
    found = {name: str(getattr(report.totals, name)) for name in _TOTALS}
    found |= {"month_to_date": str(report.month.base_cost), "month_forecast": str(report.month.forecast)}
    found |= {f"project|{spent.key}|base_cost": str(spent.base_cost) for spent in report.spent["project"]}
    for line in report.budgets:
        name = f"budget|{line.budget_id}|{line.scope_value}|{line.first.isoformat()}"
        found |= {f"{name}|{what}": str(getattr(line, what)) for what in _OF_BUDGET}
    return found


def corrections(said: SaidBefore | None, report: Report) -> list[Correction]:
    """Returns each figure that differs from what was said, the sums first; none when nothing was said before."""
    if said is None:
        return []
    labels = _labels(report)
    now = figures(report)
    return [
        Correction(
            what=name.rpartition("|")[2],
            about=labels.get(name, ""),
            measure=_measure(name, report),
            said=said.said.get(name),
            now=now.get(name),
        )
        for name in {**said.said, **now}
        if not _same(said.said.get(name), now.get(name))
    ]


def _key(edition: Edition, tenant: Tenant | None) -> dict[str, object]:
    return {
        "edition": edition.kind,
        "first_day": edition.period.first,
        "source": tenant.source if tenant else "",
        "tenant_id": tenant.tenant_id if tenant else "",
    }


def _labels(report: Report) -> dict[str, str]:
    """What the figures that are not of everything are of, in the names that people know."""
    found = {f"project|{spent.key}|base_cost": spent.name for spent in report.spent["project"]}
    for line in report.budgets:
        name = f"budget|{line.budget_id}|{line.scope_value}|{line.first.isoformat()}"
        scope = f" · {line.scope_name}" if line.scope_name else ""
        found |= {f"{name}|{what}": f"{line.name}{scope}" for what in _OF_BUDGET}
    return found


def _measure(name: str, report: Report) -> str:
    """What a figure is counted in: cost, tokens, ...; empty for words."""
    what = name.rpartition("|")[2]
    if not name.startswith("budget|"):
        return {"base_cost": "cost", "month_to_date": "cost", "month_forecast": "cost"}.get(what, what)
    measures = {f"budget|{line.budget_id}|{line.scope_value}|": line.measure for line in report.budgets}
    found = next((measure for start, measure in measures.items() if name.startswith(start)), "")
    return "" if what == "highest_level" else found


def _same(before: str | None, now: str | None) -> bool:
    """Whether both say the same: 1.50 is 1.5."""
    if before is None or now is None or before == now:
        return before == now
    numbers = _number(before), _number(now)
    return None not in numbers and numbers[0] == numbers[1]


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text.lstrip("-")[:1].isdigit() else None
