"""Writes the report as one page that needs nothing else: no request leaves it, names are only ever text."""

import base64
import hashlib
import json
import shlex
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from usage_pipeline.reports import labels
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.formats.page_bars import budget_bars
from usage_pipeline.reports.formats.page_figures import key_figures_of
from usage_pipeline.reports.formats.page_rows import DIMENSIONS, packed
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.numbers import (
    change,
    cost,
    count,
    measured,
    money,
    places_of,
    share,
    short_count,
    trimmed,
)
from usage_pipeline.reports.story import clock, story
from usage_pipeline.reports.words import words

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "page"
_NODES_SHOWN = 25
_BUDGETS_SHOWN = 8
# A page stays a page: whoever has more of them opens the workbook.
_BUDGETS_LISTED = 200
_STORY_SHOWN = 100
_PRICES_SHOWN = 60
_HISTORY_DIMENSIONS = ("tenant", "project", "model")
_WORDS_OF_SCRIPT = (
    "everything",
    "share",
    "name",
    "base_cost",
    "total_tokens",
    "calls",
    "cost_per_call",
    "more",
    "others",
    "other",
    "cost_per_1000_tokens",
    "total",
    "usage_date",
    "nothing",
    "ten_thousand",
    "unpriced",
)


def write_html(report: Report, language: str, path: Path) -> None:
    """Writes the page in a language. Its policy forbids every request and every script but its own."""
    path.write_text(html(report, language), encoding="utf-8")


@cache
def _pages(currency: str, language: str) -> "Environment":
    """The templates with their filters: compiling them takes longer than a page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  (slow to import)

    pages = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"count": count, "change": change, "share": share, "trimmed": trimmed, "money": money}
    pages.filters["quoted"] = shlex.quote
    pages.filters["short"] = partial(short_count, language=language)
    pages.filters["measured"] = partial(measured, currency=currency, language=language)
    pages.filters["cost"] = partial(cost, currency=currency, language=language)
    return pages


def html(report: Report, language: str) -> str:
    """Returns the page's text."""
    text = words(language)
    style, script = _part("page.css") + _page_heads(report, text), _part("page.js")
    zone = ZoneInfo(report.zone)
    bars, told = budget_bars(report, language), story(report, language)
    nodes = [node for node in report.spent["node"] if not node.key.endswith("/")]
    return (
        _pages(report.currency, language)
        .get_template("page.html.j2")
        .render(
            report=report,
            text=text,
            labels=labels,
            spoken=language,
            language="zh-CN" if language == "zh" else "en",
            style=style,
            script=script,
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'",
            data=packed(report, language, text["other_users"]),
            settings=_settings(report, text, language),
            local=lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            clock=partial(clock, report=report),
            places=places_of,
            headline=headline(report, language),
            figures=key_figures_of(report, language),
            bars=bars[:_BUDGETS_SHOWN],
            more_bars=bars[_BUDGETS_SHOWN:_BUDGETS_LISTED],
            bars_left=max(len(bars) - _BUDGETS_LISTED, 0),
            story=told[:_STORY_SHOWN],
            story_left=max(len(told) - _STORY_SHOWN, 0),
            dimensions=DIMENSIONS,
            history_dimensions=_HISTORY_DIMENSIONS,
            nodes=nodes[:_NODES_SHOWN],
            nodes_left=len(nodes) - _NODES_SHOWN,
            prices=report.prices[:_PRICES_SHOWN],
        )
    )


@cache
def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _page_heads(report: Report, text: dict[str, str]) -> str:
    """What stands at the head and foot of each printed page."""
    whose = report.tenant.name if report.tenant else text["all_tenants"]
    head = f"{text['title']} {report.edition.name} · {whose} · {report.currency}"
    return (
        f"@page {{ @top-left {{ content: {_css_text(head)}; }}"
        f" @bottom-right {{ content: counter(page) {_css_text(' / ')} counter(pages); }} }}\n"
    )


def _css_text(text: str) -> str:
    """A text in quotes of CSS: whatever could end it, or the element that holds it, is written by its number."""
    return '"' + "".join(c if c.isalnum() or c in " .-/·" else f"\\{ord(c):x} " for c in text) + '"'


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _settings(report: Report, text: dict[str, str], language: str) -> str:
    """What the page's script needs besides the rows, as JSON that cannot end its own element."""
    document = json.dumps(
        {
            "language": "zh-CN" if language == "zh" else "en",
            "currency": report.currency,
            "text": {name: text[name] for name in _WORDS_OF_SCRIPT},
            "dimensions": {name: text[name] for name in DIMENSIONS},
            "trend": [[day.usage_date.isoformat(), format(day.base_cost, "f")] for day in report.trend],
            "history": {name: _history(report, name, language, text["other"]) for name in _HISTORY_DIMENSIONS},
            "days": [report.edition.period.first.isoformat(), report.edition.period.last.isoformat()],
        },
        ensure_ascii=True,
    )
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _history(report: Report, dimension: str, language: str, other: str) -> list[list[object]]:
    """A name and its costs day by day, the largest first, all others last."""
    places = {day.usage_date: at for at, day in enumerate(report.trend)}
    series: dict[str, tuple[str, list[float]]] = {}
    for part in report.history:
        if part.dimension != dimension:
            continue
        name = labels.name(dimension, part.name, language) if part.key else other
        _, costs = series.setdefault(part.key, (name, [0.0] * len(places)))
        costs[places[part.usage_date]] += float(part.base_cost)
    ordered = sorted(series.items(), key=lambda found: (found[0] == "", -sum(found[1][1])))
    return [[name, [round(value, 6) for value in costs]] for _, (name, costs) in ordered]


FORMAT = FormatWriter(".html", write_html)
