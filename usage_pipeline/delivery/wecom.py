"""WeCom group robots: Markdown, or text where everyone is mentioned; HTTP 200 with an errcode is a refusal."""

import json

from usage_pipeline.delivery.channel import Message, Outcome
from usage_pipeline.delivery.http import by_status, post
from usage_pipeline.delivery.texts import cut_above, render
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import WecomRecipient

_MOST_BYTES = 4096
_MOST_TEXT_BYTES = 2048
_MOST_MENTION_BYTES = 1024
_EVERYONE = "@all"
_PERMANENT = {93000: "bad key", 40058: "bad parameter", 40008: "bad message type"}
_TOO_OFTEN = 45009
_A_MINUTE = 60.0


def send(message: Message, recipient: Recipient) -> Outcome:
    """Posts the alert to the group; accepted only when the robot answers errcode 0."""
    if not isinstance(recipient, WecomRecipient):
        raise TypeError("not a wecom recipient")
    url = secret(recipient.secret_env, "the wecom recipient")
    body = json.dumps(_body(message, recipient.mention), ensure_ascii=False).encode()
    answer = post(url, body, {"Content-Type": "application/json; charset=utf-8"})
    if isinstance(answer, Outcome):
        return answer
    if answer.status != 200:
        return by_status(answer)
    return _by_errcode(answer.status, answer.text)


def _body(message: Message, mention: tuple[str, ...]) -> dict[str, object]:
    """Markdown names a person as <@userid>, but knows no way to name everyone: that takes a text."""
    note = "\n…(已截断)" if message.language == "zh" else "\n…(cut)"
    if _EVERYONE in mention:
        text = cut_above(render("wecom.txt.j2", message), _MOST_TEXT_BYTES, note)
        return {"msgtype": "text", "text": {"content": text, "mentioned_list": list(mention)}}
    mentions = ""
    for user in mention:
        if len(f"{mentions}<@{user}>".encode()) <= _MOST_MENTION_BYTES:
            mentions += f"<@{user}>"
    text = cut_above(render("wecom.md.j2", message), _MOST_BYTES - len(mentions.encode()) - 1, note)
    return {"msgtype": "markdown", "markdown": {"content": f"{text}\n{mentions}" if mentions else text}}


def _by_errcode(status: int, text: str) -> Outcome:
    try:
        code = int(json.loads(text)["errcode"])
    except (ValueError, KeyError, TypeError):
        return Outcome("retry", f"an answer without errcode: {text}", status)
    if code == 0:
        return Outcome("accepted", text, status)
    if code == _TOO_OFTEN:
        return Outcome("retry", text, status, _A_MINUTE)
    return Outcome("permanent" if code in _PERMANENT else "retry", text, status)
