"""What each platform takes: the shape of a body, its counts and its lengths, as their documentation says."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from typing import Any

_URL = re.compile(r"https?://\S+")
_COLOURS_OF_FEISHU = {
    "blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple", "indigo", "grey",
    "default",
}  # fmt: skip
_COLOURS_OF_TEAMS = {"default", "dark", "light", "accent", "good", "warning", "attention"}
_SEVERITIES = {"critical", "error", "warning", "info"}


def wrong_with(channel: str, body: Any) -> list[str]:
    """Returns what the channel would not take of a body, as it travels; of a mail, as it is read back."""
    found = list(_RULES[channel](body))
    # A webhook gets names as data, as they are.
    if channel != "webhook" and not isinstance(body, EmailMessage):
        found += [f"no text: {text[:40]!r}" for text in _texts(body) if _unprintable(text)]
    return found


def known() -> frozenset[str]:
    """Returns the channels whose rules are written down."""
    return frozenset(_RULES)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _unprintable(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") for c in text if c not in "\n")


def _at_most(what: str, size: int, most: int, least: int = 1) -> Iterator[str]:
    if not least <= size <= most:
        yield f"{what}: {size} is not {least} to {most}"


def _bytes(body: object) -> int:
    return len(json.dumps(body, ensure_ascii=False).encode())


def _one_of(what: str, value: object, known: set[str]) -> Iterator[str]:
    if value not in known:
        yield f"{what}: {value!r}"


def _url(what: str, value: object) -> Iterator[str]:
    if not isinstance(value, str) or not _URL.fullmatch(value) or len(value) > 3000:
        yield f"{what}: no address: {value!r}"


def _wecom(body: Any) -> Iterator[str]:
    yield from _one_of("msgtype", body["msgtype"], {"markdown", "text"})
    content = body[body["msgtype"]]["content"]
    yield from _at_most("content", len(content.encode()), 4096 if body["msgtype"] == "markdown" else 2048)


def _dingtalk(body: Any) -> Iterator[str]:
    yield from _at_most("body", _bytes(body), 20_000)
    yield from _one_of("msgtype", body["msgtype"], {"markdown", "actionCard", "text"})
    said = body[body["msgtype"]]
    if body["msgtype"] == "text":
        yield from _at_most("content", len(said["content"]), 20_000)
        return
    yield from _at_most("title", len(said["title"]), 100)
    yield from _at_most("text", len(said["text"]), 20_000)
    if body["msgtype"] == "actionCard":
        yield from _one_of("btnOrientation", said["btnOrientation"], {"0", "1"})
        yield from _at_most("btns", len(said["btns"]), 5)
        for button in said["btns"]:
            yield from _at_most("a button's title", len(button["title"]), 20)
            yield from _url("a button", button["actionURL"])


def _feishu(body: Any) -> Iterator[str]:
    yield from _at_most("body", _bytes(body), 20_000)
    yield from _one_of("msg_type", body["msg_type"], {"interactive", "text"})
    if body["msg_type"] == "text":
        yield from _at_most("text", len(body["content"]["text"]), 20_000)
        return
    card = body["card"]
    yield from _one_of("template", card["header"]["template"], _COLOURS_OF_FEISHU)
    yield from _feishu_text(card["header"]["title"], {"plain_text"})
    yield from _at_most("elements", len(card["elements"]), 50)
    for element in card["elements"]:
        yield from _one_of("element", element["tag"], {"div", "action", "hr"})
        if element["tag"] == "div":
            parts = [element["text"]] if "text" in element else [field["text"] for field in element["fields"]]
            yield from _at_most("texts of a div", len(parts), 10)
            for part in parts:
                yield from _feishu_text(part, {"plain_text", "lark_md"})
            if any(not isinstance(field["is_short"], bool) for field in element.get("fields", ())):
                yield "a field says not whether it is short"
        for button in element.get("actions", ()):
            yield from _one_of("button", button["tag"], {"button"})
            yield from _one_of("type", button["type"], {"default", "primary", "danger"})
            yield from _feishu_text(button["text"], {"plain_text"})
            yield from _url("a button", button["url"])


def _feishu_text(text: Any, tags: set[str]) -> Iterator[str]:
    yield from _one_of("a text's tag", text["tag"], tags)
    yield from _at_most("a text", len(text["content"]), 20_000)


def _slack(body: Any) -> Iterator[str]:
    yield from _at_most("text", len(body["text"]), 40_000)
    blocks = body.get("blocks", [])
    yield from _at_most("blocks", len(blocks), 50, least=0)
    for block in blocks:
        yield from _one_of("block", block["type"], {"header", "section", "actions", "divider"})
        if block["type"] == "header":
            yield from _one_of("a header's text", block["text"]["type"], {"plain_text"})
            yield from _at_most("a header", len(block["text"]["text"]), 150)
        elif block["type"] == "section":
            yield from _slack_section(block)
        elif block["type"] == "actions":
            yield from _slack_buttons(block["elements"])


def _slack_section(block: Any) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "a section without a text"
    if "text" in block:
        yield from _one_of("a section's text", block["text"]["type"], {"mrkdwn", "plain_text"})
        yield from _at_most("a section", len(block["text"]["text"]), 3000)
    yield from _at_most("fields", len(block.get("fields", ())), 10, least=0)
    for field in block.get("fields", ()):
        yield from _one_of("a field", field["type"], {"mrkdwn", "plain_text"})
        yield from _at_most("a field", len(field["text"]), 2000)


def _slack_buttons(buttons: Any) -> Iterator[str]:
    yield from _at_most("buttons", len(buttons), 25)
    if len({button["action_id"] for button in buttons}) != len(buttons):
        yield "two buttons with one id"
    for button in buttons:
        yield from _one_of("a button's text", button["text"]["type"], {"plain_text"})
        yield from _at_most("a button's text", len(button["text"]["text"]), 75)
        yield from _one_of("style", button.get("style", "primary"), {"primary", "danger"})
        yield from _url("a button", button["url"])


def _teams(body: Any) -> Iterator[str]:
    yield from _at_most("body", _bytes(body), 28_000)
    yield from _one_of("type", body["type"], {"message"})
    (attachment,) = body["attachments"]
    yield from _one_of("contentType", attachment["contentType"], {"application/vnd.microsoft.card.adaptive"})
    card = attachment["content"]
    yield from _one_of("type", card["type"], {"AdaptiveCard"})
    # Teams knows versions up to 1.5; on a phone, up to 1.2 and what it leaves out of the others.
    yield from _one_of("version", card["version"], {"1.2", "1.3", "1.4", "1.5"})
    yield from _at_most("body of the card", len(card["body"]), 500)
    for element in card["body"]:
        yield from _one_of("element", element["type"], {"TextBlock", "FactSet"})
        if element["type"] == "TextBlock":
            yield from _at_most("a text", len(element["text"]), 28_000)
            yield from _one_of("colour", element.get("color", "default"), _COLOURS_OF_TEAMS)
            yield from _one_of("weight", element.get("weight", "default"), {"default", "lighter", "bolder"})
        for fact in element.get("facts", ()):
            yield from _at_most("a fact's title", len(fact["title"]), 200)
            yield from _at_most("a fact's value", len(fact["value"]), 1000)
    yield from _at_most("buttons", len(card.get("actions", ())), 6, least=0)
    for action in card.get("actions", ()):
        yield from _one_of("action", action["type"], {"Action.OpenUrl"})
        yield from _at_most("a button's title", len(action["title"]), 40)
        yield from _url("a button", action["url"])
    if re.search(r"\{\{|\$\{", json.dumps(card)):
        yield "something that a card would evaluate"


def _email(mail: EmailMessage) -> Iterator[str]:
    yield from _at_most("subject", len(str(mail["Subject"])), 200)
    for name in ("From", "To", "Date", "Message-ID"):
        if not mail[name]:
            yield f"no {name}"
    yield from _one_of("Auto-Submitted", mail["Auto-Submitted"], {"auto-generated"})
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        yield from _at_most(kind, len(part.get_content().encode()) if part else 0, 500_000)
    longest = max(len(line) for line in mail.as_bytes().splitlines())
    yield from _at_most("a line", longest, 998)


def _webhook(body: Any) -> Iterator[str]:
    yield from _one_of("schema", body["schema"], {"usage_pipeline.alert/1"})
    for name in ("delivery_id", "event", "alert_id", "kind", "level", "title", "facts"):
        if name not in body:
            yield f"no {name}"
    yield from _at_most("title", len(body["title"]), 300)


def _pagerduty(body: Any) -> Iterator[str]:
    yield from _at_most("body", _bytes(body), 512_000)
    yield from _one_of("event_action", body["event_action"], {"trigger", "acknowledge", "resolve"})
    yield from _at_most("dedup_key", len(body["dedup_key"]), 255)
    if body["event_action"] == "trigger":
        payload = body["payload"]
        yield from _at_most("summary", len(payload["summary"]), 1024)
        yield from _at_most("source", len(payload["source"]), 255)
        yield from _one_of("severity", payload["severity"], _SEVERITIES)
    for link in body.get("links", ()):
        yield from _url("a link", link["href"])


_RULES: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "wecom": _wecom,
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "lark": _feishu,
    "slack": _slack,
    "teams": _teams,
    "email": _email,
    "webhook": _webhook,
    "pagerduty": _pagerduty,
}
