"""A marked test to one recipient, so that people can see a channel work before it matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.names import channel_name
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings.model import Level
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, kw_only=True)
class MarkedTestFacts(AlertFacts):
    """Whom the test goes to, by which channel, and when it was made."""

    recipient: str | None = None
    channel: str | None = None
    as_of: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class MarkedTestKey:
    """Each test is one of its own, by its moment."""

    recipient: str
    at: datetime

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.recipient, period_start=self.at)


@dataclass(frozen=True)
class _Words:
    test: str
    sent: str
    meaning: str
    only_a_test: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(test="测试", sent="发送时间", meaning="说明", only_a_test="这是一条测试消息，无需处理"),
    "en": _Words(test="TEST", sent="Sent", meaning="Meaning", only_a_test="this is a test; nothing has happened"),
}


class MarkedTestKind(AlertKind[MarkedTestFacts, _Words]):
    """That it is a test; it goes alone, at once, and nobody is to do anything."""

    name = "test"
    acknowledgeable = False
    grouped = False
    waits_in_quiet_hours = False
    only_notes = ({},)
    # Nobody is notified that a test failed: whoever made it sees the answer.
    failure_is_alerted = False
    awaited = False
    reported = False
    facts_class = MarkedTestFacts
    words = _WORDS

    def title(self, facts: MarkedTestFacts, language: str) -> str:
        """Who it comes from."""
        return "usage_pipeline"

    def heading(self, facts: MarkedTestFacts, language: str, level: str) -> str:
        """Says before anything else that it is a test."""
        return super().heading(facts, language, f"{self.words[language].test} · {level}")

    def lines(self, facts: MarkedTestFacts, language: str) -> Lines:
        """Whom it went to and when."""
        words, shared = self.words[language], WORDS[language]
        return [
            (shared.recipient, line(facts.recipient)),
            (shared.channel, line(channel_name(facts.channel, language))),
            (words.sent, moment(facts.as_of, facts.timezone) or "?"),
            (words.meaning, words.only_a_test),
        ]

    def example(self) -> MarkedTestFacts:
        """A test to a robot."""
        return MarkedTestFacts(
            level="info",
            recipients=("ops",),
            recipient="ops",
            channel="wecom",
            as_of=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


TEST = MarkedTestKind()


def raise_test_alert(
    connection: Connection, configuration: ActiveConfiguration, recipient: str, level: Level, now: datetime
) -> str:
    """Writes the alert with a pending delivery; returns its id. Raises KeyError when there is no such recipient."""
    channel = configuration.settings.recipients[recipient].channel
    alert = NewAlert(
        kind=TEST,
        key=MarkedTestKey(recipient, now),
        level=level,
        facts=MarkedTestFacts(
            recipient=recipient, channel=channel, as_of=now, timezone=configuration.settings.timezone
        ),
        config_version=configuration.version,
    )
    with connection.transaction():
        raise_alert(connection, alert, [(recipient, channel)])
    return alert.alert_id
