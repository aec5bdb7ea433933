"""Webhooks of your own systems: documented JSON, signed as Standard Webhooks says.

The body: {"schema": "usage_pipeline.alert/1", "delivery_id", "alert_id", "event", "kind", "level", "title", "facts"},
and "others" with alert_id, kind, level, title and facts of each when it speaks of several. Facts are those of
usage.alert, money and counts as decimal strings, times as ISO 8601.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import one_line
from usage_pipeline.alerts.text.texts import title_of
from usage_pipeline.delivery.channels.http_channel import Draft, WebChannel
from usage_pipeline.http.exchange import HttpRequest
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import VariableName, WebRecipient

SCHEMA = "usage_pipeline.alert/1"
_NEEDED_BY = "the webhook recipient"


class WebhookRecipient(WebRecipient):
    """A system of your own; requests are signed as Standard Webhooks says."""

    channel: Literal["webhook"]
    url_env: VariableName
    secret_env: VariableName | None = None


class OwnWebhook(WebChannel[WebhookRecipient]):
    """Any 2xx is acceptance, 410 is for good, Retry-After is honoured."""

    name = "webhook"
    grouped = False
    recipient_class = WebhookRecipient
    example = {"url_env": "WEBHOOK_URL"}  # noqa: RUF012

    def send(self, message: Message, recipient: WebhookRecipient) -> Outcome:
        """Sends; a secret that cannot be read as one is named by its variable."""
        try:
            return super().send(message, recipient)
        except _BadSecretError as error:
            return Outcome("retry", str(error))

    def address(self, recipient: WebhookRecipient) -> str:
        """The system's URL."""
        return secret(recipient.url_env, _NEEDED_BY)

    def drafts(self, message: Message, recipient: WebhookRecipient) -> Sequence[Draft]:
        """One document, in which names are data and stand as they are."""
        first, *others = message.alerts
        body = {
            "schema": SCHEMA,
            "delivery_id": message.delivery_id,
            "event": message.event,
            **_described(first, message),
        }
        return [Draft(body | ({"others": [_described(each, message) for each in others]} if others else {}))]

    def request(self, draft: Draft, message: Message, recipient: WebhookRecipient) -> HttpRequest:
        """The document with its signature; webhook-id is the same at each attempt, so that a repeat is known as one."""
        body = json.dumps(draft.body, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
        signed = _signed(message, recipient, body.decode())
        return HttpRequest(self.address(recipient), body, {"Content-Type": "application/json", **signed})


class _BadSecretError(Exception):
    """The signing secret is not written as it must be."""


def _described(alert: Alert, message: Message) -> Mapping[str, object]:
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "level": alert.level,
        "title": one_line(title_of(alert, message), 300),
        "facts": dict(alert.facts),
    }


def _signed(message: Message, recipient: WebhookRecipient, body: str) -> dict[str, str]:
    from standardwebhooks.webhooks import Webhook  # noqa: PLC0415  (not to be paid where nothing is sent)

    now = datetime.now(UTC)
    headers = {"webhook-id": message.delivery_id, "webhook-timestamp": str(int(now.timestamp()))}
    if recipient.secret_env:
        key = secret(recipient.secret_env, _NEEDED_BY)
        encoded = key if key.startswith("whsec_") else base64.b64encode(key.encode()).decode()
        try:
            headers["webhook-signature"] = Webhook(encoded).sign(message.delivery_id, now, body)
        except ValueError:
            raise _BadSecretError(f"{recipient.secret_env} starts with whsec_ but is not base64 after it") from None
    return headers
