"""A recipient cannot be reached: one alert from the first delivery that failed for good until one is accepted again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert, of_labels
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN, text
from usage_pipeline.alerts.outbox import add_recipients, raise_alert
from usage_pipeline.alerts.recipients import Addressee
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment, written
from usage_pipeline.alerts.text.names import channel_name
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True, kw_only=True)
class DeliveryFacts(AlertFacts):
    """Whom how many alerts did not reach since when, the first of them with its budget and scope, and the last answer.

    ``failed`` and ``answer`` are brought up to date when the message is made.
    """

    budget_name: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    scope_name: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    alert: str | None = None
    recipient: str | None = None
    channel: str | None = None
    answer: str | None = None
    failed: Decimal | None = None
    since: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class DeliveryKey:
    """A recipient by one channel, and when the first failed (aware UTC) of all that did since one was accepted."""

    recipient: str
    channel: str
    since: datetime

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.recipient, self.channel, self.since)


@dataclass(frozen=True)
class _Words:
    delivery_failed: str
    failed_alert: str
    failed: str
    count: str
    since: str
    last_answer: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        delivery_failed="告警未能送达",
        failed_alert="首条未送达的告警",
        failed="未送达",
        count="{count} 条",
        since="开始于",
        last_answer="最近的渠道答复（原文）",
    ),
    "en": _Words(
        delivery_failed="Alerts could not be delivered",
        failed_alert="First undelivered alert",
        failed="Undelivered",
        count="{count} so far",
        since="Since",
        last_answer="Channel's last answer",
    ),
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
        """Whom how much did not reach, since when and why; and the first of it."""
        words, shared = self.words[language], WORDS[language]
        failed = "" if facts.failed is None else words.count.format(count=written(facts.failed, "#,##0"))
        return [
            (shared.recipient, line(facts.recipient)),
            (shared.channel, line(channel_name(facts.channel, language))),
            (words.failed, failed),
            (words.since, moment(facts.since, facts.timezone) or ""),
            (words.last_answer, line(facts.answer)),
            (words.failed_alert, line(facts.alert)),
            (shared.budget, line(facts.budget_name)),
            (shared.scope, line(facts.scope_name)),
        ]

    def summary(self, facts: DeliveryFacts, language: str) -> str:
        """How much, and since when."""
        words = self.words[language]
        return of_labels(self.lines(facts, language), (words.failed, words.since))

    def leading(self, language: str) -> Sequence[str]:
        """Whom, how much, and since when."""
        words = self.words[language]
        return (WORDS[language].recipient, words.failed, words.since)

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
            failed=Decimal(14),
            since=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


DELIVERY = DeliveryKind()

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 13))"


@dataclass(frozen=True)
class Unreached:
    """Alerts (id and facts) that a recipient does not get by a channel and are not tried again, and why, shortened."""

    recipient: str
    channel: str
    alerts: Sequence[tuple[str, Mapping[str, object]]]
    answer: str
    not_alerted: Sequence[str] = ()  # kinds whose failure is no news


def raise_delivery_alert(
    connection: Connection, unreached: Unreached, channels: Mapping[str, str], zone: str, now: datetime
) -> None:
    """Writes the alert, once until the recipient is reached again, to the fallback of each alert that failed, else to
    its other recipients; who stands in for a later one only is notified then, of the same alert.

    ``channels`` has the channel of each recipient that can be reached; ``zone`` is of the alert, ``now`` aware UTC.
    Runs inside the caller's transaction, which has the failures on record.
    """
    recipient, channel = unreached.recipient, unreached.channel
    # Two that fail at once agree on since when: the second waits for the first one's transaction.
    connection.execute(_ONE_AT_A_TIME, [f"failing {recipient} by {channel}"])
    parameters = {"recipient": recipient, "channel": channel, "not_alerted": unreached.not_alerted}
    since = value_or_none(connection, datetime, statement("alerts/failing_since"), parameters) or now
    first, facts = unreached.alerts[0]
    alert = NewAlert(
        kind=DELIVERY,
        key=DeliveryKey(recipient, channel, since),
        level="critical",
        facts=DeliveryFacts(
            budget_name=text(facts.get("budget_name") or None),
            scope_name=text(facts.get("scope_name") or None),
            alert=first,
            recipient=recipient,
            channel=channel,
            answer=unreached.answer,
            failed=Decimal(len(unreached.alerts)),
            since=since,
            timezone=zone,
        ),
    )
    stand_ins = list(
        dict.fromkeys(who for _, facts in unreached.alerts for who in _stand_ins(recipient, facts, channels))
    )
    if not raise_alert(connection, alert, stand_ins):
        add_recipients(connection, alert.alert_id, stand_ins)


def _stand_ins(recipient: str, facts: Mapping[str, object], channels: Mapping[str, str]) -> list[Addressee]:
    for key in ("fallback", "recipients"):
        listed = facts.get(key)
        names = [str(name) for name in listed] if isinstance(listed, list) else []
        found = [(name, channels[name]) for name in names if name != recipient and name in channels]
        if found:
            return found
    return []
