"""Makes an alert's text, in Chinese or English, for one channel's markup; names in it are hostile until escaped."""

import html
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from usage_pipeline.delivery.channel import Message
from usage_pipeline.delivery.words import WORDS

_LONGEST_NAME = 120
_LONGEST_LINE = 600
_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}
# A robot's Markdown knows no escapes: marks become their full-width look-alikes, which mean nothing to it.
_MARKS = str.maketrans("`*[]<>@#&\\|~", "＇＊［］＜＞＠＃＆＼｜～")

Words = Mapping[str, Any]


def render(template: str, message: Message) -> str:
    """The text of a message by one of the templates."""
    words = WORDS[message.language]
    return (
        _environment()
        .get_template(template)
        .render(alert=message, facts=message.facts, lines=_lines(message, words), title=title(message), words=words)
    )


def title(message: Message) -> str:
    """Level, budget and scope in one line, not escaped."""
    words, facts = WORDS[message.language], message.facts
    level = words["levels"].get(message.level, message.level)
    if message.kind == "configuration":
        return f"[{level}] {words['configuration_refused']}"
    if message.kind == "test":
        return f"[{words['test']} · {level}] usage_pipeline"
    if message.kind == "source":
        return f"[{level}] {words['source_unread'].format(source=plain(facts.get('source')))}"
    if message.kind == "delivery":
        return f"[{level}] {words['delivery_failed']}: {plain(facts.get('recipient'))}"
    if message.kind == "report":
        return plain(facts.get(f"title_{message.language}"), 200)
    scope = plain(facts.get("scope_name"))
    name = plain(facts.get("budget_name") or facts.get("budget_id"))
    return f"[{level}] {name}{f' · {scope}' if scope else ''}: {_percent(facts.get('ratio'))}"


def plain(value: object, most: int = _LONGEST_NAME) -> str:
    """A name from outside as one harmless line: no control or direction marks, no line breaks, not too long."""
    text = "" if value is None else str(value)[: 4 * _LONGEST_LINE]
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    flat = " ".join(kept.split())
    return one_line(flat, most)


def one_line(text: str, most: int) -> str:
    """A text without line breaks, for headers."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def cut_bytes(text: str, most: int, note: str) -> str:
    """The text in at most so many bytes of UTF-8, cut between characters, with a note that it was cut."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: max(0, most - len(note.encode()))].decode("utf-8", "ignore") + note


def cut_above(text: str, most: int, note: str) -> str:
    """The text in at most so many bytes, its last line kept: the alert's id stands there."""
    if len(text.encode()) <= most:
        return text
    above, _, last = text.rstrip("\n").rpartition("\n")
    return cut_bytes(above, most - len(last.encode()) - 1, note) + "\n" + last


def line(value: object) -> str:
    """A line's value, whose names are short already."""
    return plain(value, _LONGEST_LINE)


def markdown(value: object) -> str:
    """A value for a chat: nothing in it can mark up, link or mention."""
    return line(value).replace("://", "：//").translate(_MARKS)


def as_html(value: object) -> str:
    """A value for an HTML mail."""
    return html.escape(line(value), quote=True)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # Names are escaped by filters that fit the channel; facts are data and never read as a template.
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(md=markdown, html=as_html, plain=line)
    return environment


def _lines(message: Message, words: Words) -> list[tuple[str, str]]:
    """Label and value of everything that is known about the alert, in reading order."""
    if message.kind != "budget":
        return _other_lines(message, words)
    facts = message.facts
    measure, currency = str(facts.get("measure")), str(facts.get("currency"))

    def amount(value: object) -> str | None:
        return _amount(value, measure, currency, words)

    known: list[tuple[str, str | None]] = [
        (words["tenant"], _text(facts.get("tenant_name"))),
        (words["environment"], _text(facts.get("environment"))),
        (words["scope"], _text(facts.get("scope_name"))),
        (words["spent"], _spent(amount(facts.get("spent")), amount(facts.get("limit")), facts)),
        (words["also"], _also(facts, measure, currency, words)),
        (words["period"], _period(facts, words)),
        (words["burn"], amount(facts.get("burn_last_hour"))),
        (words["forecast"], amount(facts.get("forecast"))),
        (words["crossing"], _moment(facts.get("crossing_at"), facts)),
        (words["previous"], amount(facts.get("previous_period"))),
        (words["average"], amount(facts.get("trailing_average"))),
    ]
    top = facts.get("top")
    if isinstance(top, Mapping):
        known += [(words[f"top_{kind}"], _top(top.get(kind))) for kind in ("callers", "projects", "models", "nodes")]
    known.append((words["actions"], _actions(facts, words)))
    return [(label, value) for label, value in known if value]


def _other_lines(message: Message, words: Words) -> list[tuple[str, str]]:
    facts = message.facts
    if message.kind == "configuration":
        problems = facts.get("problems")
        listed = [str(problem) for problem in problems] if isinstance(problems, list) else []
        in_force = f"{words['last_valid']} ({plain(facts.get('in_force_version'))})"
        return [(words["problem"], problem) for problem in listed] + [(words["in_force"], in_force)]
    if message.kind == "test":
        sent = _moment(facts.get("as_of"), facts) or "?"
        return [(words["recipient"], line(facts.get("recipient"))), (words["channel"], line(facts.get("channel"))),
                (words["sent"], sent), (words["meaning"], words["only_a_test"])]  # fmt: skip
    if message.kind == "source":
        last = _moment(facts.get("last_read_at"), facts) or words["never"]
        return [(words["last_read"], last), (words["problem"], line(facts.get("error"))),
                (words["meanwhile"], words["not_watched"])]  # fmt: skip
    if message.kind == "report":
        told = facts.get(f"lines_{message.language}")
        return [(plain(label), line(value)) for label, value in told] if isinstance(told, list) else []
    pairs = [
        ("budget_name", "budget"),
        ("scope_name", "scope"),
        ("alert", "failed_alert"),
        ("recipient", "recipient"),
        ("channel", "channel"),
        ("answer", "answer"),
    ]
    return [(words[label], line(facts[key])) for key, label in pairs if facts.get(key)]


def _text(value: object) -> str | None:
    return plain(value) or None


def _number(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _amount(value: object, measure: str, currency: str, words: Words) -> str | None:
    number = _number(value)
    if number is None:
        return None
    if measure == "cost":
        return f"{_SYMBOLS.get(currency, currency + ' ')}{number:,.2f}"
    return f"{number:,.0f} {words['measures'].get(measure, measure)}"


def _spent(spent: str | None, limit: str | None, facts: Mapping[str, object]) -> str | None:
    if spent is None or limit is None:
        return spent or limit
    return f"{spent} / {limit} ({_percent(facts.get('ratio'))})"


def _also(facts: Mapping[str, object], measure: str, currency: str, words: Words) -> str | None:
    """The other of tokens and money, whichever the budget does not limit."""
    other = "tokens" if measure == "cost" else "cost"
    return _amount(facts.get(other), other, currency, words)


def _percent(value: object) -> str:
    number = _number(value)
    if number is None:
        return "?"
    # Never rounded up: what has not reached its limit must not read as 100 %.
    percent = (number * 100).quantize(Decimal("0.1"), ROUND_DOWN)
    return f"{percent:,f}".removesuffix(".0") + " %"


def _zone(facts: Mapping[str, object]) -> ZoneInfo:
    try:
        return ZoneInfo(str(facts.get("timezone")))
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _moment(value: object, facts: Mapping[str, object]) -> str | None:
    moment = _parsed(value)
    return moment.astimezone(_zone(facts)).strftime("%Y-%m-%d %H:%M") if moment else None


def _period(facts: Mapping[str, object], words: Words) -> str | None:
    start, end = _parsed(facts.get("period_start")), _parsed(facts.get("period_end"))
    if start is None or end is None:
        return None
    zone = _zone(facts)
    first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
    shown = f"{first}" if first == last else f"{first} – {last}"
    left = end - (_parsed(facts.get("as_of")) or datetime.now(UTC))
    return f"{shown} ({zone.key}; {_time_left(left, words)})"


def _time_left(left: timedelta, words: Words) -> str:
    minutes = max(0, int(left.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    form = words["left_days"] if days else words["left_hours"] if hours else words["left_minutes"]
    return str(form.format(days=days, hours=hours, minutes=rest))


def _top(entries: object) -> str | None:
    if not isinstance(entries, list):
        return None
    parts = [
        f"{plain(entry.get('name'))} {_percent(entry.get('share'))}" for entry in entries if isinstance(entry, Mapping)
    ]
    return ", ".join(parts) or None


def _actions(facts: Mapping[str, object], words: Words) -> str | None:
    actions = facts.get("actions")
    if not isinstance(actions, list) or not actions or facts.get("enforcement_mode") == "off":
        return None
    key = {"auto": "action_auto", "approve": "action_approve"}.get(str(facts.get("enforcement_mode")), "action_dry_run")
    return str(words[key].format(actions=", ".join(plain(action) for action in actions)))
