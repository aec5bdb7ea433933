"""PagerDuty's Events API v2: one event an alert, under a key that makes repeats harmless."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import line, one_line, plain
from usage_pipeline.alerts.text.texts import lines_of
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.http_channel import Draft, WebChannel, as_json, document_of
from usage_pipeline.delivery.rendering import render
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import Endpoint, VariableName, WebRecipient

_LONGEST_SUMMARY = 1024
_SEVERITIES = {"emergency": "critical", "critical": "error", "warning": "warning", "info": "info"}


class PagerdutyRecipient(WebRecipient):
    """A PagerDuty service by its Events API v2 integration; the variable holds the routing key."""

    channel: Literal["pagerduty"]
    secret_env: VariableName
    endpoint: Endpoint = "https://events.pagerduty.com"


class Pagerduty(WebChannel[PagerdutyRecipient]):
    """The key is the alert's id: acknowledge and resolve find what trigger made."""

    name = "pagerduty"
    rates = (Rate(120, per=timedelta(minutes=1)),)
    max_bytes = 512_000
    grouped = False
    recipient_class = PagerdutyRecipient

    def address(self, recipient: PagerdutyRecipient) -> str:
        """Where events of the recipient's region go."""
        return f"{recipient.endpoint}/v2/enqueue"

    def counted(self, recipient: PagerdutyRecipient) -> Sequence[str]:
        """The integration: all of them share the address."""
        return [secret(recipient.secret_env, "the pagerduty recipient")]

    def drafts(self, message: Message, recipient: PagerdutyRecipient) -> Sequence[Draft]:
        """One event for each alert, without the routing key."""
        return [_event(alert, message) for alert in message.alerts]

    def request(self, draft: Draft, message: Message, recipient: PagerdutyRecipient) -> HttpRequest:
        """The event with the routing key, which is a secret."""
        key = secret(recipient.secret_env, "the pagerduty recipient")
        return HttpRequest(
            self.address(recipient),
            as_json({"routing_key": key, **draft.body}),
            {"Content-Type": "application/json"},
        )

    def evaluate(self, answer: HttpAnswer, recipient: PagerdutyRecipient) -> Outcome:
        """202 and success; a status of its own words is no acceptance."""
        outcome = by_status(answer)
        if outcome.kind == "accepted" and document_of(answer).get("status") != "success":
            return Outcome("retry", f"an answer without success: {answer.text}", answer.status)
        return outcome


def _event(alert: Alert, message: Message) -> Draft:
    body: dict[str, object] = {"event_action": message.event, "dedup_key": alert.alert_id}
    if message.event != "trigger":
        return Draft(body)
    single = replace(message, alert_id=alert.alert_id, kind=alert.kind, level=alert.level, facts=alert.facts, others=())
    text = render("pagerduty.txt.j2", single, line)
    payload = {
        "summary": one_line(text.text, _LONGEST_SUMMARY),
        "source": plain(alert.facts.get("scope_name")) or "usage_pipeline",
        "severity": _SEVERITIES.get(alert.level, "error"),
        "component": "usage_pipeline",
        "custom_details": _details(alert, message),
    }
    links = [{"href": url, "text": WORDS[message.language].deeds[deed]} for deed, url in alert.links]
    return Draft({**body, "payload": payload, **({"links": links} if links else {})}, text.note)


def _details(alert: Alert, message: Message) -> Mapping[str, str]:
    words = WORDS[message.language]
    known: dict[str, str] = {}
    for label, value in lines_of(alert, message.language):
        known[label] = f"{known[label]}; {line(value)}" if label in known else str(line(value))
    look = {} if alert.links else {words.look: f"usage-pipeline alerts show {alert.alert_id}"}
    return {**known, words.id: alert.alert_id, **look}
