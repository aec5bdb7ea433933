"""Says what an alert is about: title, summary, and label and value of each line, in Chinese or English."""

from collections.abc import Mapping
from decimal import Decimal

from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.alerts.text.format import Words, amount, moment, number, percent, period
from usage_pipeline.alerts.text.kind_texts import lines_of_kind, title_of_kind
from usage_pipeline.alerts.text.watch_texts import watch_lines, watch_title
from usage_pipeline.alerts.text.words import WORDS


def title(message: Message) -> str:
    """The whole message in one line, not escaped: level, budget and scope, or how many alerts there are."""
    words, alerts = WORDS[message.language], message.alerts
    first = title_of(alerts[0], message)
    if len(alerts) == 1:
        return first
    return f"{first} {words['and_more'].format(count=len(alerts) - 1)}"


def title_of(alert: Alert, message: Message) -> str:
    """Level, budget and scope of one alert in one line, not escaped."""
    words, facts = WORDS[message.language], alert.facts
    level = words["levels"].get(alert.level, alert.level)
    if message.event != "trigger":
        level = f"{words['events'][message.event]} · {level}"
    if alert.kind == "test":
        return f"[{words['test']} · {level}] usage_pipeline"
    if alert.kind == "watch":
        return f"[{level}] {watch_title(facts, words)}"
    said = title_of_kind(alert.kind, facts, words)
    if said is not None:
        return f"[{level}] {said}"
    scope = plain(facts.get("scope_name"))
    name = plain(facts.get("budget_name") or facts.get("budget_id") or alert.kind)
    ratio = f": {percent(facts['ratio'])}" if facts.get("ratio") is not None else ""
    return f"[{level}] {name}{f' · {scope}' if scope else ''}{ratio}"


def summary(alert: Alert, words: Words) -> str:
    """What was spent of what, or else the most telling line: for a list of alerts, not escaped."""
    lines = lines_of(alert, words)
    return next((value for label, value in lines if label == words["spent"]), lines[0][1] if lines else "")


def lines_of(alert: Alert, words: Words) -> list[tuple[str, str]]:
    """Label and value of everything that is known about the alert, in reading order, not escaped."""
    if alert.kind == "watch":
        return watch_lines(alert.facts, words)
    if alert.kind != "budget":
        return lines_of_kind(alert.kind, alert.facts, words)
    facts = alert.facts
    measure, currency = str(facts.get("measure")), str(facts.get("currency"))

    def measured(value: object) -> str | None:
        return amount(value, measure, currency, words)

    known: list[tuple[str, str | None]] = [
        (words["tenant"], _text(facts.get("tenant_name"))),
        (words["environment"], _text(facts.get("environment"))),
        (words["scope"], _text(facts.get("scope_name"))),
        (words["spent"], _spent(measured(facts.get("spent")), measured(facts.get("limit")), facts)),
        (words["also"], _also(facts, measure, currency, words)),
        (words["period"], period(facts, words)),
        (words["burn"], measured(facts.get("burn_last_hour"))),
        (words["forecast"], measured(facts.get("forecast"))),
        (words["crossing"], moment(facts.get("crossing_at"), facts)),
        (words["previous"], _compared(measured(facts.get("previous_period")), facts, "previous_period")),
        (words["average"], _compared(measured(facts.get("trailing_average")), facts, "trailing_average")),
    ]
    top = facts.get("top")
    if isinstance(top, Mapping):
        known += [(words[f"top_{kind}"], _top(top.get(kind))) for kind in ("callers", "projects", "models", "nodes")]
    known.append((words["actions"], _actions(facts, words)))
    return [(label, value) for label, value in known if value]


def _text(value: object) -> str | None:
    return plain(value) or None


def _spent(spent: str | None, limit: str | None, facts: Mapping[str, object]) -> str | None:
    if spent is None or limit is None:
        return spent or limit
    return f"{spent} / {limit} ({percent(facts.get('ratio'))})"


def _also(facts: Mapping[str, object], measure: str, currency: str, words: Words) -> str | None:
    """The other of tokens and money, whichever the budget does not limit."""
    other = "tokens" if measure == "cost" else "cost"
    return amount(facts.get(other), other, currency, words)


def _compared(shown: str | None, facts: Mapping[str, object], key: str) -> str | None:
    """What was spent before, and how many times as much it is now."""
    before, now = number(facts.get(key)), number(facts.get("spent"))
    if shown is None or not before or before < 0 or now is None:
        return shown
    return f"{shown} (×{(now / before).quantize(Decimal('0.1')):,f})"


def _top(entries: object) -> str | None:
    if not isinstance(entries, list):
        return None
    parts = [
        f"{plain(entry.get('name'))} {percent(entry.get('share'))}" for entry in entries if isinstance(entry, Mapping)
    ]
    return ", ".join(parts) or None


def _actions(facts: Mapping[str, object], words: Words) -> str | None:
    actions = facts.get("actions")
    if not isinstance(actions, list) or not actions or facts.get("enforcement_mode") == "off":
        return None
    key = {"auto": "action_auto", "approve": "action_approve"}.get(str(facts.get("enforcement_mode")), "action_dry_run")
    return str(words[key].format(actions=", ".join(plain(action) for action in actions)))
