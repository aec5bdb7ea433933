"""Webhooks of your own systems: documented JSON, signed as Standard Webhooks says.

The body: {"schema": "usage_pipeline.alert/1", "delivery_id", "alert_id", "kind", "level", "title", "facts": {...}};
facts are those of usage.alert, money and counts as decimal strings, times as ISO 8601.
"""

import base64
import json
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from usage_pipeline.delivery.addresses import refused_target
from usage_pipeline.delivery.channel import Message, Outcome
from usage_pipeline.delivery.http import by_status, post
from usage_pipeline.delivery.texts import one_line, title
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import WebhookRecipient

SCHEMA = "usage_pipeline.alert/1"


def send(message: Message, recipient: Recipient) -> Outcome:
    """Posts the alert; any 2xx is acceptance, 410 is for good, Retry-After is honoured."""
    if not isinstance(recipient, WebhookRecipient):
        raise TypeError("not a webhook recipient")
    url = secret(recipient.url_env, "the webhook recipient")
    reason = refused_target(url, allow_private=recipient.allow_private)
    if reason:
        return Outcome("permanent", reason)
    body = json.dumps(
        {
            "schema": SCHEMA,
            "delivery_id": message.delivery_id,
            "alert_id": message.alert_id,
            "kind": message.kind,
            "level": message.level,
            "title": one_line(title(message), 300),
            "facts": dict(message.facts),
        },
        ensure_ascii=False,
        sort_keys=True,
    )
    try:
        headers = {"Content-Type": "application/json", **_signed(message, recipient, body)}
    except ValueError:
        return Outcome("retry", f"{recipient.secret_env} starts with whsec_ but is not base64 after it")
    answer = post(url, body.encode(), headers, public_only=not recipient.allow_private)
    return answer if isinstance(answer, Outcome) else by_status(answer)


def _signed(message: Message, recipient: WebhookRecipient, body: str) -> dict[str, str]:
    """webhook-id is the delivery's, the same at each attempt, so that the other side can tell a repeat."""
    now = datetime.now(UTC)
    headers = {"webhook-id": message.delivery_id, "webhook-timestamp": str(int(now.timestamp()))}
    if recipient.secret_env:
        key = secret(recipient.secret_env, "the webhook recipient")
        encoded = key if key.startswith("whsec_") else base64.b64encode(key.encode()).decode()
        headers["webhook-signature"] = Webhook(encoded).sign(message.delivery_id, now, body)
    return headers
