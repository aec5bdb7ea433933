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

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.mail import EmailRecipient, _compose
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.sms_text import text_of
from usage_pipeline_tests.support.chromium import running_browser
from usage_pipeline_tests.support.message_examples import PAGE, examples

LANGUAGES = ("zh", "en")
LARGEST = 250_000  # bytes of a picture
_STYLE = """
body { font: 14px/1.5 system-ui, "WenQuanYi Zen Hei", sans-serif; background: #eceff3; margin: 16px; width: 1240px }
main { columns: 3; column-gap: 16px }
figure { break-inside: avoid; margin: 0 0 16px; background: #fff; border-radius: 8px; padding: 12px; overflow: hidden;
         overflow-wrap: anywhere }
figcaption, body > p { color: #6b7480; font-size: 12px; margin: 0 0 6px }
header { margin: -4px -12px 8px; padding: 8px 12px; color: #fff; font-weight: 600 }
a.button { display: inline-block; border: 1px solid #b7c0cc; border-radius: 4px; padding: 2px 10px; margin: 8px 6px 0 0;
           text-decoration: none; color: #1f4e9e }
blockquote { margin: 0; padding-left: 8px; border-left: 3px solid #cfd6de; color: #444 }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 12px; margin: 0 0 8px }
dt { color: #6b7480; font-size: 12px } dd { margin: 0; font-weight: 600 } dl div.long { grid-column: 1 / 3 }
pre { white-space: pre-wrap; font: 11px/1.4 monospace; margin: 0 }
.bubble { background: #e9f1ff; border-radius: 14px; padding: 8px 12px }
"""
_COLOURS = {"red": "#d93025", "orange": "#e8710a", "yellow": "#b88600", "blue": "#1a73e8", "green": "#188038",
            "grey": "#5f6368", "attention": "#d93025", "warning": "#b88600", "good": "#188038", "accent": "#1a73e8",
            "critical": "#d93025", "error": "#e8710a", "info": "#1a73e8"}  # fmt: skip
_DRAWN_BY_US = {
    "zh": "按实际发送的内容由我们绘制，并非应用截图。",
    "en": "Drawn by us from what would be sent; no screenshots of the apps.",
}
_LONGEST_DOCUMENT = 900


@dataclass(frozen=True)
class Sheet:
    """All messages of one channel and language on one page."""

    channel: str
    language: str
    page: str


def sheets() -> Sequence[Sheet]:
    """A page a channel and language."""
    return [Sheet(channel, language, _sheet(channel, language)) for channel in _DRAW for language in LANGUAGES]


def _sheet(channel: str, language: str) -> str:
    return _page(language, [(channel, name) for name in examples(language)])


def contact_sheet(language: str) -> str:
    """A page with a few messages of several channels, for who wants to see what they look like."""
    chosen = [
        ("feishu", "budget"), ("wecom", "budget, orange"), ("sms", "budget"), ("slack", "budget, over"),
        ("teams", "loop"), ("dingtalk", "override"), ("email", "budget, forecast"),
    ]  # fmt: skip
    return _page(language, chosen)


def _page(language: str, chosen: Sequence[tuple[str, str]]) -> str:
    shown = examples(language)
    figures = [
        f"<figure><figcaption>{channel} · {html.escape(name)}</figcaption>{drawn(channel, shown[name])}</figure>"
        for channel, name in chosen
    ]
    head = f"<!doctype html><html lang={language}><meta charset=utf-8><style>{_STYLE}</style>"
    return f"{head}<p>{_DRAWN_BY_US[language]}</p><main>{''.join(figures)}</main></html>"


def drawn(channel: str, message: Message) -> str:
    """A message as HTML, as the channel would show it."""
    return _DRAW[channel](body_of(channel, message))


def body_of(channel: str, message: Message, **settings: object) -> Any:
    """What would be sent to a recipient with these settings, as it travels; a mail as it is read back."""
    if channel == "email":
        mail, _ = _compose(message, EmailRecipient(channel="email", to=("owner@example.com",)))
        return message_from_bytes(mail, policy=policy.default)
    if channel == "sms":
        return {"text": text_of(message).text}
    sender = CHANNELS[channel]
    fields = {**(sender.example or {"secret_env": "HOOK"}), "channel": channel, **settings}
    drafts = sender.drafts(message, sender.recipient_class.model_validate(fields))  # type: ignore[attr-defined]
    return json.loads(json.dumps(drafts[0].body))


def _marked(text: str) -> str:
    """The robots' Markdown as HTML, as far as our templates use it."""
    found = html.escape(text, quote=False)
    found = re.sub(r"&lt;font color=.*?&gt;|&lt;/font&gt;", "", found)
    found = re.sub(r"&lt;(https?:[^|\s]+?)(?:\|(.+?))?&gt;", lambda m: f'<a href="{m[1]}">{m[2] or m[1]}</a>', found)
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
    return re.sub(r"</blockquote>(<br>)+", "</blockquote>", "<br>".join(lines))


def _button(label: str) -> str:
    return f'<a class=button href="{PAGE}">{html.escape(label)}</a>'


def _facts(pairs: Sequence[tuple[str, str, bool]]) -> str:
    each = [
        f"<div{'' if short else ' class=long'}><dt>{label}</dt><dd>{value}</dd></div>" for label, value, short in pairs
    ]
    return f"<dl>{''.join(each)}</dl>"


def _field(text: str, *, short: bool) -> tuple[str, str, bool]:
    label, _, value = text.partition("\n")
    return html.escape(label.strip("*")), _marked(value), short


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
        elif "fields" in element:
            fields = element["fields"]
            parts.append(_facts([_field(one["text"]["content"], short=one["is_short"]) for one in fields]))
        else:
            parts.append(_marked(element["text"]["content"]) + "<br>")
    return _head(card["header"]["title"]["content"], card["header"]["template"]) + "".join(parts)


def _slack(body: Any) -> str:
    parts = []
    for block in body["blocks"]:
        if block["type"] == "header":
            parts.append(f"<b>{html.escape(block['text']['text'])}</b><br>")
        elif block["type"] == "actions":
            parts += [_button(one["text"]["text"]) for one in block["elements"]]
        elif "fields" in block:
            parts.append(_facts([_field(one["text"], short=True) for one in block["fields"]]))
        else:
            parts.append(_marked(block["text"]["text"]) + "<br>")
    return "".join(parts)


def _teams(body: Any) -> str:
    card = body["attachments"][0]["content"]
    title, *blocks = card["body"]
    facts = [(html.escape(f["title"]), _marked(f["value"]), False) for b in blocks for f in b.get("facts", ())]
    text = "<br>".join(_marked(block["text"]) for block in blocks if "text" in block)
    buttons = "".join(_button(one["title"]) for one in card.get("actions", []))
    return _head(title["text"], title["color"]) + _facts(facts) + text + "<br>" + buttons


def _mail(mail: Any) -> str:
    part = mail.get_body(("html",)).get_content()
    return f"<b>{html.escape(str(mail['Subject']))}</b><hr>{part}"


def _sms(body: Any) -> str:
    return f"<div class=bubble>{html.escape(body['text'])}</div>"


def _pagerduty(body: Any) -> str:
    if body["event_action"] != "trigger":
        return f"{html.escape(body['event_action'])} · {html.escape(body['dedup_key'])}"
    payload = body["payload"]
    details = [(html.escape(label), _marked(value), False) for label, value in payload["custom_details"].items()]
    links = "".join(_button(link["text"]) for link in body.get("links", ()))
    return _head(payload["summary"], payload["severity"]) + _facts(details) + links


def _webhook(body: Any) -> str:
    text = json.dumps(body, ensure_ascii=False, indent=1)
    cut = text if len(text) <= _LONGEST_DOCUMENT else f"{text[:_LONGEST_DOCUMENT]}\n…"
    return f"<pre>{html.escape(cut)}</pre>"


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
    "webhook": _webhook,
    "pagerduty": _pagerduty,
    "sms": _sms,
}
DRAWN = tuple(_DRAW)


def main(folder: Path) -> None:
    """Takes a picture of each sheet, and of a few messages together."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{sheet.channel}.{sheet.language}": sheet.page for sheet in sheets()}
    # By the names that pictures of the READMEs have.
    pages |= {"contact": contact_sheet("en"), "contact.zh-CN": contact_sheet("zh")}
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": 1272, "height": 400}, device_scale_factor=0.75)
        for name, content in pages.items():
            page.set_content(content)
            _keep(folder / f"{name}.jpg", lambda quality: page.screenshot(full_page=True, type="jpeg", quality=quality))


def _keep(path: Path, taken: Callable[[int], bytes]) -> None:
    """The best picture that is small enough. Raises ValueError when none is."""
    for quality in range(60, 10, -10):
        data = taken(quality)
        if len(data) <= LARGEST:
            path.write_bytes(data)
            return
    raise ValueError(f"{path.name} is too large: show less on one sheet")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/messages"))
