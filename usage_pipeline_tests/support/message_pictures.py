"""Every kind of message on every channel, drawn roughly as each app shows it, as pictures for docs/images/messages.

Run: .venv/bin/python -m usage_pipeline_tests.support.message_pictures [folder]; it needs Debian's chromium.
What is drawn is what would be sent; the frames around it are ours, not the apps'.
"""

import html
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.delivery.channels.mail import EmailRecipient, _compose
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline_tests.support.chromium import running_browser

LANGUAGES = ("zh", "en")
_PAGE = "https://usage.example.com/a/eyJ…"
_LINKS = {
    "budget": ("read", "acknowledge", "request"),
    "loop": ("read", "acknowledge", "undo"),
    "override": ("read", "approve", "reject"),
    "enforcement": ("read", "undo"),
    "report": ("read",),
}
_DEEDS = ("read", "acknowledge")
_STYLE = """
body { font: 14px/1.5 system-ui, "WenQuanYi Zen Hei", sans-serif; background: #eceff3; margin: 16px; width: 1240px }
main { columns: 3; column-gap: 16px }
figure { break-inside: avoid; margin: 0 0 16px; background: #fff; border-radius: 8px; padding: 12px; overflow: hidden;
         overflow-wrap: anywhere }
figcaption { color: #6b7480; font-size: 12px; margin-bottom: 6px }
header { margin: -4px -12px 8px; padding: 8px 12px; color: #fff; font-weight: 600 }
a.button { display: inline-block; border: 1px solid #b7c0cc; border-radius: 4px; padding: 2px 10px; margin: 8px 6px 0 0;
           text-decoration: none; color: #1f4e9e }
blockquote { margin: 0; padding-left: 8px; border-left: 3px solid #cfd6de; color: #444 }
"""
_COLOURS = {"red": "#d93025", "orange": "#e8710a", "yellow": "#b88600", "blue": "#1a73e8", "green": "#188038",
            "grey": "#5f6368", "attention": "#d93025", "warning": "#b88600", "good": "#188038"}  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """All messages of one channel and language on one page."""

    channel: str
    language: str
    page: str


def messages(language: str) -> Mapping[str, Message]:
    """A message of each kind, one that is over, and one of five alerts, by what they are called."""
    found = {name: _message(name, language) for name in kinds()}
    budget = found["budget"]
    found["budget, over"] = Message(**{**vars(budget), "event": "resolve"})
    others = tuple(Alert(f"B{n}", "budget", "warning", budget.facts, (("read", _PAGE),)) for n in range(4))
    found["budget, five at once"] = Message(**{**vars(budget), "others": others})
    return found


def _message(kind: str, language: str) -> Message:
    facts = kinds()[kind].example().stored()
    links = tuple((deed, _PAGE) for deed in _LINKS.get(kind, _DEEDS))
    return Message("d1", "B2f6c1", kind, "emergency" if kind == "budget" else "warning", facts, language, links=links)


def sheets() -> Sequence[Sheet]:
    """A page a channel and language."""
    return [Sheet(channel, language, _sheet(channel, language)) for channel in _DRAW for language in LANGUAGES]


def _sheet(channel: str, language: str) -> str:
    figures = [
        f"<figure><figcaption>{channel} · {html.escape(name)}</figcaption>{drawn(channel, message)}</figure>"
        for name, message in messages(language).items()
    ]
    head = f"<!doctype html><html lang={language}><meta charset=utf-8><style>{_STYLE}</style>"
    return f"{head}<main>{''.join(figures)}</main></html>"


def drawn(channel: str, message: Message) -> str:
    """A message as HTML, as the channel would show it."""
    return _DRAW[channel](_body(channel, message))


def _body(channel: str, message: Message) -> Any:
    if channel == "email":
        mail, _ = _compose(message, EmailRecipient(channel="email", to=("owner@example.com",)))
        return message_from_bytes(mail, policy=policy.default)
    sender = CHANNELS[channel]
    recipient = sender.recipient_class.model_validate({"channel": channel, "secret_env": "HOOK"})
    (draft,) = sender.drafts(message, recipient)  # type: ignore[attr-defined]
    return json.loads(json.dumps(draft.body))


def _marked(text: str) -> str:
    """The robots' Markdown as HTML, as far as our templates use it."""
    found = html.escape(text, quote=False)
    found = re.sub(r"&lt;font color=.*?&gt;|&lt;/font&gt;", "", found)
    found = re.sub(r"&lt;(https?:[^|\s]+)\|(.+?)&gt;", r'<a href="\1">\2</a>', found)
    found = re.sub(r"\[([^\]]+)\]\((https?:[^)\s]+)\)", r'<a href="\2">\1</a>', found)
    found = re.sub(r"\*\*(.+?)\*\*|(?<![*\w])\*([^*\n]+)\*", lambda m: f"<b>{m[1] or m[2]}</b>", found)
    found = re.sub(r"`([^`]+)`", r"<code>\1</code>", found)
    lines = []
    for line in found.splitlines():
        if line.startswith("#"):
            lines.append(f"<b>{line.lstrip('# ')}</b>")
        elif line.startswith("&gt; "):
            lines.append(f"<blockquote>{line.removeprefix('&gt; ')}</blockquote>")
        else:
            lines.append(f"• {line.removeprefix('- ')}" if line.startswith("- ") else line)
    return "<br>".join(lines).replace("</blockquote><br>", "</blockquote>")


def _button(label: str) -> str:
    return f'<a class=button href="{_PAGE}">{html.escape(label)}</a>'


def _wecom(body: Any) -> str:
    return _marked(body["markdown"]["content"])


def _dingtalk(body: Any) -> str:
    if body["msgtype"] == "markdown":
        return _marked(body["markdown"]["text"])
    return _marked(body["actionCard"]["text"]) + "".join(_button(one["title"]) for one in body["actionCard"]["btns"])


def _feishu(body: Any) -> str:
    card, parts = body["card"], []
    for element in card["elements"]:
        if element["tag"] == "action":
            parts += [_button(one["text"]["content"]) for one in element["actions"]]
        else:
            parts.append(_marked(element["text"]["content"]))
    return _head(card["header"]["title"]["content"], card["header"]["template"]) + "".join(parts)


def _slack(body: Any) -> str:
    parts = []
    for block in body["blocks"]:
        if block["type"] == "header":
            parts.append(f"<b>{html.escape(block['text']['text'])}</b><br>")
        elif block["type"] == "actions":
            parts += [_button(one["text"]["text"]) for one in block["elements"]]
        else:
            parts.append(_marked(block["text"]["text"]))
    return "".join(parts)


def _teams(body: Any) -> str:
    card = body["attachments"][0]["content"]
    title, *blocks = card["body"]
    text = "<br>".join(_marked(block["text"]) for block in blocks)
    return (
        _head(title["text"], title["color"]) + text + "".join(_button(one["title"]) for one in card.get("actions", []))
    )


def _mail(mail: Any) -> str:
    part = mail.get_body(("html",)).get_content()
    return f"<b>{html.escape(str(mail['Subject']))}</b><hr>{part}"


def _head(title: str, colour: str) -> str:
    return f'<header style="background: {_COLOURS.get(colour, "#5f6368")}">{html.escape(title)}</header>'


# By channel, in the order of the documents.
_DRAW: Mapping[str, Callable[[Any], str]] = {
    "wecom": _wecom,
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "slack": _slack,
    "teams": _teams,
    "email": _mail,
}
DRAWN = tuple(_DRAW)


def main(folder: Path) -> None:
    """Takes a picture of each sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": 1272, "height": 800}, device_scale_factor=0.75)
        for sheet in sheets():
            page.set_content(sheet.page)
            path = folder / f"{sheet.channel}.{sheet.language}.jpg"
            page.screenshot(path=path, full_page=True, type="jpeg", quality=50)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/messages"))
