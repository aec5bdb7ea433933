"""Renders a message by a channel's template, the user's own before ours, within the bytes that the channel takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_pipeline.alerts.message import Alert, Links, Message
from usage_pipeline.alerts.text.escape import OurUrl, cut_above, cut_bytes, line, one_line
from usage_pipeline.alerts.text.texts import (
    facts_for_templates,
    leading_lines,
    lines_of,
    summary,
    title,
    title_of,
    to_acknowledge,
    words_for_templates,
)
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.delivery.bar import bar_of, meter_of
from usage_pipeline.settings.environment import config_path

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

OURS = Path(__file__).parent / "templates"
_LONGEST_TITLE = 300
_LONGEST_OWN = 200_000
# So many alerts of a message are told with all their facts.
_FULL = 3

Escape = Callable[[object], str]
# Labels and values, escaped.
Fields = Sequence[tuple[str, str]]
Size = Callable[[str], int]


@dataclass(frozen=True)
class Rendered:
    """A text, and why the user's own template was not used when it was not."""

    text: str
    note: str = ""


def size_in_bytes(text: str) -> int:
    """What a text weighs in UTF-8."""
    return len(text.encode())


def render(template: str, message: Message, escape: Escape) -> Rendered:
    """The whole text of a message.

    Values reach the template escaped, so that no template can forget it; in HTML they are escaped where they are put.
    A user's template that cannot be used gives way to ours, and the note says why.
    """
    return _rendered(template, message, _context(message, escape))


def _rendered(
    template: str,
    message: Message,
    whole: Mapping[str, Any],
    shown: int | None = None,
    full: int = _FULL,
    brief: bool = False,
) -> Rendered:
    """All alerts, or so many of the most severe and the number of the others; the first ``full`` with all facts.

    With ``brief`` the others have no sentence of their own, but their title alone.
    """
    listed = whole["alerts"][:shown]
    if brief:
        listed = listed[:full] + [{**alert, "summary": ""} for alert in listed[full:]]
    context = {**whole, "alerts": listed, "more": whole["count"] - len(listed), "full": full}
    own = _own(template, message)
    if own is not None:
        try:
            text = _environment(own.parent, template.endswith(".html.j2")).get_template(own.name).render(context)
            return Rendered(text[:_LONGEST_OWN])
        except Exception as error:
            note = f"own template {template} not used ({_why(error)}), the shipped one was"
            return Rendered(_shipped(template, context), note)
    return Rendered(_shipped(template, context))


def buttons_of(message: Message) -> Links:
    """What a card's buttons say and open: the deeds of a message's one alert. Several alerts have links in the text."""
    if message.others:
        return ()
    deeds = WORDS[message.language].deeds
    return [(deeds[deed], url) for deed, url in message.links]


def fields_of(template: str, message: Message, escape: Escape) -> Fields:
    """Returns what a card shows before its text: the first facts of a message's one alert, escaped.

    None where the user's own template has the say: it may show them where it likes.
    """
    if message.others or _own(template, message) is not None:
        return ()
    (alert,) = message.alerts
    return [(escape(label), escape(value)) for label, value in leading_lines(alert, message.language)]


def _without(lines: Fields, fields: Fields) -> Fields:
    return [each for each in lines if each not in fields]


def fitted(
    template: str,
    message: Message,
    escape: Escape,
    most: int,
    size: Size = size_in_bytes,
    *,
    buttons: Links = (),
    fields: Fields = (),
) -> Rendered:
    """As many of the alerts as fit, the most severe first; one that is too long alone is cut, its last line kept.

    The gravest are told in full, fewer of them where that does not fit; the others are listed by their titles where not
    every one has room for its sentence, before any is left out. What ``buttons`` open stands in no line; nor do
    ``fields``.
    """
    context = {**_context(message, escape), "buttons": bool(buttons), "fields": fields}
    if fields:
        first = context["alert"] = {**context["alert"], "lines": _without(context["alert"]["lines"], fields)}
        context["alerts"] = [first, *context["alerts"][1:]]

    def tried(shown: int | None, full: int, brief: bool = False) -> Rendered | None:
        found = _rendered(template, message, context, shown, full, brief)
        return found if size(found.text) <= most else None

    def brief(shown: int | None, full: int) -> Rendered | None:
        return tried(shown, full, brief=True)

    for full in range(min(_FULL, len(message.alerts)), 0, -1):
        if tried(full, full):
            return tried(None, full) or brief(None, full) or _most_that_fit(brief, full, len(message.alerts))
    if len(message.alerts) > 1 and tried(1, 0):
        return tried(None, 0) or brief(None, 0) or _most_that_fit(brief, 0, len(message.alerts))
    one = _rendered(template, message, context, 1)
    return Rendered(_cut(one.text, most, f"\n{WORDS[message.language].cut}", size), one.note)


def _most_that_fit(tried: Callable[[int | None, int], Rendered | None], full: int, count: int) -> Rendered:
    """The message with as many of its alerts as fit; so many as are told in full do, or one that is only listed."""
    fits, too_many, found = max(full, 1), count, None
    while too_many - fits > 1:
        half = (fits + too_many) // 2
        half_of_them = tried(half, full)
        fits, too_many, found = (half, too_many, half_of_them) if half_of_them else (fits, half, found)
    return found or tried(fits, full) or Rendered("")


def subject(message: Message, escape: Escape = line, most: int = _LONGEST_TITLE) -> str:
    """The message in one line of at most so many characters."""
    return one_line(escape(title(message)), most)


def _cut(text: str, most: int, note: str, size: Size) -> str:
    """Bytes of the text are not what an envelope of JSON counts: cut until it fits."""
    room = most
    while room > 0:
        short = cut_above(text, room, note)
        if size_in_bytes(short) > room:
            short = cut_bytes(text, room, "")
        over = size(short) - most
        if over <= 0:
            return short
        room = min(room, size_in_bytes(short)) - max(over // 2, 1)
    return ""


def _context(message: Message, escape: Escape) -> dict[str, Any]:
    alerts = message.alerts
    listed = [_view(alert, message, escape) for alert in alerts]
    return {
        "title": subject(message, escape),
        "alerts": listed,
        "alert": listed[0],
        "more": 0,
        "full": _FULL,
        "count": len(alerts),
        "event": message.event,
        "language": message.language,
        "words": words_for_templates(message.language),
        "buttons": False,
        "fields": (),
    }


def _view(alert: Alert, message: Message, escape: Escape) -> Mapping[str, Any]:
    return {
        "id": escape(alert.alert_id),
        "kind": escape(alert.kind),
        "level": escape(alert.level),
        "title": escape(title_of(alert, message)),
        "summary": escape(summary(alert, message.language)),
        "to_acknowledge": to_acknowledge(alert, message),
        "bar": bar_of(alert.facts),
        "meter": meter_of(alert.facts),
        # Addresses are ours: they are signed, and hold nothing that could mark up.
        "links": [(WORDS[message.language].deeds[deed], url) for deed, url in alert.links],
        # A report's labels may be names too.
        "lines": [(escape(label), escape(value)) for label, value in lines_of(alert, message.language)],
        "facts": _escaped(facts_for_templates(alert), escape),
    }


def _escaped(value: object, escape: Escape) -> object:
    if isinstance(value, Mapping):
        return {str(key): _escaped(part, escape) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_escaped(part, escape) for part in value]
    return value if value is None or isinstance(value, bool | int) else escape(value)


def _own(template: str, message: Message) -> Path | None:
    """Where the user's template lies; None when there is none. A file that is named but missing shows by its use."""
    base, chosen = config_path().parent, message.templates
    if template in chosen.files:
        return base / chosen.files[template]
    if chosen.folder is None:
        return None
    path = base / chosen.folder / template
    return path if path.is_file() else None


def _shipped(template: str, context: Mapping[str, Any]) -> str:
    return _environment(OURS, template.endswith(".html.j2")).get_template(template).render(context)


def _why(error: Exception) -> str:
    from jinja2 import TemplateError, TemplateNotFound  # noqa: PLC0415

    if isinstance(error, TemplateNotFound):
        return "no such file"
    where = getattr(error, "lineno", None)
    said = one_line(str(error), 120) if isinstance(error, TemplateError) else type(error).__name__
    return f"line {where}: {said}" if where else said


@cache
def _environment(folder: Path, html: bool) -> "ImmutableSandboxedEnvironment":
    # Channels are known to whoever reads a configuration; Jinja is needed by whoever sends.
    from jinja2 import FileSystemLoader, StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # What a name says is never markup, whatever a template would like.
    environment.filters.pop("safe")
    environment.tests["our_url"] = lambda value: isinstance(value, OurUrl)
    return environment
