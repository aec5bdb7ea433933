"""Draws a tenant's month as a card for chats: what it spent and saved, and where its projects stand among all."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.measures import ZERO
from usage_pipeline.reports.numbers import change, cost
from usage_pipeline.reports.words import words
from usage_pipeline.settings.extras import MissingExtraError, need
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_INCHES, _DOTS = (6.4, 3.6), 150
_INK, _SOFT, _BACK, _BAR = "#1b2530", "#55626f", "#ffffff", "#2f6fb2"
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Rank:
    """Where a project stands among all projects by cost, 1 for the dearest."""

    project: str
    rank: int
    of: int
    base_cost: Decimal


def project_ranks(connection: Connection, report: Report) -> list[Rank]:
    """Returns the ranks of a tenant's dearest projects; of other tenants' projects only how many there are."""
    if report.tenant is None:
        return []
    parameters = {
        "first": report.edition.period.first,
        "last": report.edition.period.last,
        "source": report.tenant.source,
        "tenant_id": report.tenant.tenant_id,
    }
    return rows(connection, Rank, statement("reports/project_ranks"), parameters)


def card_lines(report: Report, ranks: Sequence[Rank], language: str) -> list[tuple[str, str]]:
    """Returns label and value of what the card says; a label alone where there is no value."""
    text, currency = words(language), report.currency

    def shown(value: Decimal) -> str:
        return cost(value, currency, language)

    before = report.comparisons[0].change if report.comparisons else None
    saved = sum((each.estimated_saving or ZERO for each in report.enforced), ZERO)
    ideas = sum((each.estimated_saving for each in report.savings), ZERO)
    lines = [(text["card_spent"].format(month=report.edition.name), shown(report.totals.base_cost))]
    lines += [] if before is None else [(text["card_change"].format(change=change(before)), "")]
    lines += [(text["card_saved"], shown(saved))] if saved else []
    lines += [(text["card_ideas"], shown(ideas))] if ideas else []
    for rank in ranks:
        named = text["card_rank"].format(project=plain(rank.project)[:_LONGEST_NAME], rank=rank.rank, of=rank.of)
        lines.append((named, shown(rank.base_cost)))
    return lines


def card_png(report: Report, ranks: Sequence[Rank], language: str) -> bytes:
    """Returns the card as a PNG. Raises MissingExtraError without the extra `pictures`.

    Chinese needs the font of the extra `pdf`; without it the card is in English.
    """
    need("matplotlib", "pictures", "the card of a month").use("agg")
    from matplotlib.figure import Figure  # noqa: PLC0415  (slow to import, and an extra)

    spoken, font = _font(language)
    figure = Figure(figsize=_INCHES, dpi=_DOTS, facecolor=_BACK)
    whose = plain(report.tenant.name) if report.tenant else words(spoken)["all_tenants"]
    figure.text(0.06, 0.88, whose[:_LONGEST_NAME], size=18, color=_INK, weight="bold", parse_math=False, **font)
    lines = card_lines(report, ranks, spoken)
    for number, (label, value) in enumerate(lines):
        height = 0.74 - number * 0.1
        size = 13 if number == 0 else 10
        figure.text(0.06, height, label, size=size, color=_INK if number == 0 else _SOFT, parse_math=False, **font)
        figure.text(0.94, height, value, size=size + 2, color=_BAR if number == 0 else _INK, ha="right",
                    parse_math=False, **font)  # fmt: skip
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _font(language: str) -> tuple[str, dict[str, Any]]:
    """The language that can be drawn, and the font as matplotlib takes it."""
    try:
        path = need("pylopdf_fonts_zh_cn", "pdf", "a card in Chinese").sans_path()
    except MissingExtraError:
        return "en", {}
    return language, {"font": path}
