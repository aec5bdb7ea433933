"""A delivery failed for good: who stands in for the one that it did not reach is notified, once a delivery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN, text
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import Addressee
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.names import channel_name
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, kw_only=True)
class DeliveryFacts(AlertFacts):
    """Which alert did not reach whom, and the channel's answer; the budget and scope of that alert where it has any."""

    budget_name: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    scope_name: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    alert: str | None = None
    recipient: str | None = None
    channel: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class DeliveryKey:
    """A delivery that failed."""

    delivery_id: str

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.delivery_id)


@dataclass(frozen=True)
class _Words:
    delivery_failed: str
    failed_alert: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(delivery_failed="告警未能送达", failed_alert="未送达的告警"),
    "en": _Words(delivery_failed="An alert could not be delivered", failed_alert="Undelivered alert"),
}


class DeliveryKind(AlertKind[DeliveryFacts, _Words]):
    """Whom what did not reach."""

    name = "delivery"
    # Or a channel that fails would alert of itself for ever.
    failure_is_alerted = False
    facts_class = DeliveryFacts
    words = _WORDS

    def title(self, facts: DeliveryFacts, language: str) -> str:
        """Whom it did not reach."""
        return f"{self.words[language].delivery_failed}: {plain(facts.recipient)}"

    def lines(self, facts: DeliveryFacts, language: str) -> Lines:
        """What did not reach whom, and why."""
        words, shared = self.words[language], WORDS[language]
        return [
            (shared.budget, line(facts.budget_name)),
            (shared.scope, line(facts.scope_name)),
            (words.failed_alert, line(facts.alert)),
            (shared.recipient, line(facts.recipient)),
            (shared.channel, line(channel_name(facts.channel, language))),
            (shared.answer, line(facts.answer)),
        ]

    def leading(self, language: str) -> Sequence[str]:
        """Whom what did not reach, by which channel."""
        shared = WORDS[language]
        return (shared.recipient, shared.channel, self.words[language].failed_alert)

    def example(self) -> DeliveryFacts:
        """A robot that was removed."""
        return DeliveryFacts(
            level="critical",
            recipients=("ops-mail",),
            budget_name="agent-daily",
            scope_name="lead-enricher",
            alert="Babcdefghij",
            recipient="ops",
            channel="wecom",
            answer='{"errcode": 93000, "errmsg": "invalid webhook url"}',
        )


DELIVERY = DeliveryKind()


@dataclass(frozen=True)
class FailedDelivery:
    """A delivery that is not tried again, the facts of its alert, and the channel's answer, shortened."""

    delivery_id: str
    alert_id: str
    recipient: str
    channel: str
    facts: Mapping[str, object]
    answer: str


def raise_delivery_alert(connection: Connection, failed: FailedDelivery, channels: Mapping[str, str]) -> None:
    """Writes the alert to the fallback of the alert that failed, else to its other recipients; once a delivery.

    ``channels`` has the channel of each recipient that can be reached. Runs inside the caller's transaction.
    """
    alert = NewAlert(
        kind=DELIVERY,
        key=DeliveryKey(failed.delivery_id),
        level="critical",
        facts=DeliveryFacts(
            budget_name=text(failed.facts.get("budget_name") or None),
            scope_name=text(failed.facts.get("scope_name") or None),
            alert=failed.alert_id,
            recipient=failed.recipient,
            channel=failed.channel,
            answer=failed.answer,
        ),
    )
    raise_alert(connection, alert, _stand_ins(failed, channels))


def _stand_ins(failed: FailedDelivery, channels: Mapping[str, str]) -> list[Addressee]:
    for key in ("fallback", "recipients"):
        listed = failed.facts.get(key)
        names = [str(name) for name in listed] if isinstance(listed, list) else []
        found = [(name, channels[name]) for name in names if name != failed.recipient and name in channels]
        if found:
            return found
    return []
