"""Writes pages as HTML: one stylesheet within the page, no script, names as text only, and headers that hold it so."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from usage_pipeline.alerts.text import format as figures
from usage_pipeline.alerts.text.escape import OurUrl
from usage_pipeline.alerts.text.words import WORDS as ALERT_WORDS
from usage_pipeline.reports import labels
from usage_pipeline.settings import Settings
from usage_pipeline.web.words import WORDS

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"


def page(name: str, settings: Settings, language: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Returns the answer made of templates/<name>.html.j2 in a language."""
    text = WORDS[language]
    style = _style()
    shown = (
        _environment()
        .get_template(f"{name}.html.j2")
        .render(
            text=text,
            style=style,
            root=root_path(settings),
            web=settings.web,
            language=language,
            amount=_amount_in(language, settings.currency),
            moment=figures.moment,
            clock=_clock,
            percent=figures.percent,
            count=lambda value: figures.written(value, "#,##0"),
            level=partial(labels.level, language=language),
            action=partial(labels.action, language=language),
            action_state=partial(labels.action_state, language=language),
            override_state=partial(labels.override_state, language=language),
            measure_name=partial(labels.measure, language=language),
            **values,
        )
    )
    return HTMLResponse(shown, status_code=status, headers=_headers(style))


def sorry(settings: Settings, language: str, which: str, *, status: int, back: str = "") -> HTMLResponse:
    """Returns the page of an error by its name in the words; ``back`` is the address of the alert where it is known."""
    text = WORDS[language]
    heading, explained = text[f"error_{which}"], text[f"error_{which}_text"]
    return page("sorry", settings, language, status=status, heading=heading, explained=explained, back=back)


def root_path(settings: Settings) -> str:
    """Returns the path under which a proxy shows the pages; empty at the root of a host."""
    return urlsplit(settings.web.public_url).path.rstrip("/") if settings.web else ""


def _headers(style: str) -> Mapping[str, str]:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        # The link is what opens the page: nobody else is to learn it, and no cache is to keep what it shows.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }


def _amount_in(language: str, currency: str) -> Any:
    def amount(value: Decimal | None, measure: str | None) -> str:
        return figures.amount(value, measure, currency, ALERT_WORDS[language]) or "–"

    return amount


def _clock(at: datetime | None, zone: str | None) -> str:
    """A moment where the zone is said above all of them."""
    return (figures.moment(at, zone) or "").partition(" (")[0]


@cache
def _style() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  (slow to import)

    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["iso"] = _iso
    made.tests["our_url"] = lambda value: isinstance(value, OurUrl)
    return made
