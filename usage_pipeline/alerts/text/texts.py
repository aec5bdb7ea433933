"""What a message says of an alert: title, summary, and label and value of each line, in Chinese or English."""

from collections.abc import Mapping, Sequence

from usage_pipeline.alerts.kinds.facts import moment, number, text
from usage_pipeline.alerts.kinds.registry import kind_of, kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment as moment_of
from usage_pipeline.alerts.text.format import percent
from usage_pipeline.alerts.text.words import WORDS

_COMMAND = "usage-pipeline "
_LEADING = 3
# Deeds on the web page that a command would do, too.
_BY_LINK = ("undo", "approve")


def title(message: Message) -> str:
    """Returns the whole message in one line, not escaped: that of its first alert, and how many there are besides."""
    first, count = title_of(message.alerts[0], message), len(message.alerts)
    return first if count == 1 else f"{first} {WORDS[message.language].and_more.format(count=count - 1)}"


def title_of(alert: Alert, message: Message) -> str:
    """Returns level and matter of one alert in one line, not escaped."""
    words, kind = WORDS[message.language], kind_of(alert.kind)
    level = words.levels.get(alert.level, alert.level)
    if message.event != "trigger":
        level = f"{words.events[message.event]} · {level}"
    return kind.heading(kind.read(alert.facts), message.language, level)


def summary(alert: Alert, language: str) -> str:
    """Returns the most telling line: for a list of alerts, not escaped."""
    kind = kind_of(alert.kind)
    return kind.summary(kind.read(alert.facts), language)


def lines_of(alert: Alert, language: str) -> Sequence[tuple[str, str]]:
    """Returns label and value of everything that is known about the alert, in reading order, not escaped.

    Who undoes or decides by a link needs no command for a shell.
    """
    kind = kind_of(alert.kind)
    lines = [(label, value) for label, value in kind.lines(kind.read(alert.facts), language) if label and value]
    if any(deed in _BY_LINK for deed, _ in alert.links):
        lines = [(label, value) for label, value in lines if not value.startswith(_COMMAND)]
    taken = _taken(alert, language)
    # Who hears that somebody takes an alert has read it before: its first line is enough.
    return [*taken, *lines[:1]] if taken else lines


def leading_lines(alert: Alert, language: str) -> Sequence[tuple[str, str]]:
    """Returns those of the lines that a card shows first, three at most, not escaped."""
    taken, lines = _taken(alert, language), lines_of(alert, language)
    if taken:
        return taken
    by_label = {label: (label, value) for label, value in reversed(lines)}
    found = [by_label[label] for label in kind_of(alert.kind).leading(language) if label in by_label]
    return (found or lines)[:_LEADING]


def _taken(alert: Alert, language: str) -> list[tuple[str, str]]:
    """Who took the alert, when and with which words; nothing unless the message is about that."""
    taken, words = alert.facts.get("acknowledged"), WORDS[language]
    if not isinstance(taken, Mapping):
        return []
    at = moment_of(moment(taken.get("at")), text(alert.facts.get("timezone")))
    told = [(words.taken_by, ", ".join(part for part in (plain(taken.get("by")), at) if part))]
    return [(label, value) for label, value in (*told, (words.note, line(taken.get("note")))) if value]


def to_acknowledge(alert: Alert, message: Message) -> bool:
    """Whether the message asks somebody to acknowledge the alert."""
    return message.event == "trigger" and kind_of(alert.kind).acknowledgeable


def parts_of(alert: Alert, language: str) -> Mapping[str, str]:
    """Returns what the alert is made of in single words, not escaped: for who has room for no more (text messages)."""
    facts, words = alert.facts, WORDS[language]
    kind = kind_of(alert.kind)
    name = text(facts.get("budget_name") or facts.get("budget_id")) or kind.title(kind.read(facts), language)
    return {
        "level": words.levels.get(alert.level, alert.level),
        "name": name,
        "scope": text(facts.get("scope_name")) or "-",
        "spent": summary(alert, language),
        "percent": percent(number(facts["ratio"])) if facts.get("ratio") is not None else "-",
        "id": alert.alert_id,
    }


def deeds_of(alert: Alert, event: str) -> Sequence[str]:
    """Returns what a recipient of the message can do about the alert on the web page, reading it first."""
    kind = kind_of(alert.kind)
    return ("read", *(kind.deeds(kind.read(alert.facts)) if event == "trigger" else ()))


def brings_files(message: Message) -> bool:
    """Whether who gets mail gets the files that the alert's facts name."""
    return kind_of(message.kind).brings_files


def facts_for_templates(alert: Alert) -> Mapping[str, object]:
    """Returns the alert's facts by name; those of its kind that the row lacks are there, as none."""
    return kind_of(alert.kind).for_templates(alert.facts)


def words_for_templates(language: str) -> Mapping[str, object]:
    """Returns every word by its name, those of all kinds among them: templates may use any."""
    own = [kind.words_by_name(language) for kind in reversed(tuple(kinds().values()))]
    return {name: word for words in [*own, vars(WORDS[language])] for name, word in words.items()}
