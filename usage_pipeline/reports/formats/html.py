"""Writes the report as one page that needs nothing else: no request leaves it, names are only ever text."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.formats.page_rows import DIMENSIONS, packed
from usage_pipeline.reports.numbers import change, count, money, share, trimmed
from usage_pipeline.reports.words import words

_FOLDER = Path(__file__).parent / "page"
_NODES_SHOWN = 25
_BUDGETS_SHOWN = 50
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
    "cost_per_1000_tokens",
    "total",
    "usage_date",
    "nothing",
)


def write_html(report: Report, language: str, path: Path) -> None:
    """Writes the page in a language. Its policy forbids every request and every script but its own."""
    path.write_text(html(report, language), encoding="utf-8")


def html(report: Report, language: str) -> str:
    """Returns the page's text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  (slow to import)

    pages = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"money": money, "count": count, "change": change, "share": share, "trimmed": trimmed}
    text = words(language)
    style, script = _part("page.css"), _part("page.js")
    return pages.get_template("page.html.j2").render(
        report=report,
        text=text,
        language="zh-CN" if language == "zh" else "en",
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        data=packed(report, text["other_users"]),
        settings=_settings(report, text, language),
        made_at=report.made_at.astimezone(ZoneInfo(report.zone)),
        dimensions=DIMENSIONS,
        nodes=[node for node in report.spent["node"] if not node.key.endswith("/")][:_NODES_SHOWN],
        budgets=report.budgets[:_BUDGETS_SHOWN],
    )


@cache
def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


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
            "days": [report.edition.period.first.isoformat(), report.edition.period.last.isoformat()],
        },
        ensure_ascii=True,
    )
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


FORMAT = FormatWriter(".html", write_html)
