"""WeCom group robots: Markdown of at most 4,096 bytes; HTTP 200 with an errcode in the body is a refusal."""

import json

from usage_pipeline.delivery.channel import Message, Outcome
from usage_pipeline.delivery.http import by_status, post
from usage_pipeline.delivery.texts import cut_bytes, render
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import WecomRecipient

_MOST_BYTES = 4096
_PERMANENT = {93000: "bad key", 40058: "bad parameter", 40008: "bad message type"}
_TOO_OFTEN = 45009
_A_MINUTE = 60.0


def send(message: Message, recipient: Recipient) -> Outcome:
    """Posts the alert to the group; accepted only when the robot answers errcode 0."""
    if not isinstance(recipient, WecomRecipient):
        raise TypeError("not a wecom recipient")
    url = secret(recipient.secret_env, "the wecom recipient")
    mentions = "".join(f"<@{user}>" for user in recipient.mention)
    text = render("wecom.md.j2", message)
    note = "\n…(已截断)" if message.language == "zh" else "\n…(cut)"
    room = _MOST_BYTES - len(mentions.encode()) - 1
    content = cut_bytes(text, room, note) + (f"\n{mentions}" if mentions else "")
    body = json.dumps({"msgtype": "markdown", "markdown": {"content": content}}, ensure_ascii=False).encode()
    answer = post(url, body, {"Content-Type": "application/json; charset=utf-8"})
    if isinstance(answer, Outcome):
        return answer
    if answer.status != 200:
        return by_status(answer)
    return _by_errcode(answer.status, answer.text)


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
