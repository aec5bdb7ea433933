"""A source cannot be read: what is spent there meanwhile is not watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from usage_pipeline.alerts.kinds.base import EPOCH, AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

# Long enough that a restart of Dify's database alerts nobody.
SILENT_FOR = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class SourceFacts(AlertFacts):
    """Which source, why, and until when it was read."""

    source: str | None = None
    error: str | None = None
    last_read_at: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class SourceKey:
    """An outage of a source, told apart by when it was last read (aware UTC; None: never)."""

    source: str
    last_read_at: datetime | None

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.source, period_start=self.last_read_at or EPOCH)


@dataclass(frozen=True)
class _Words:
    source_unread: str
    last_read: str
    never: str
    meanwhile: str
    not_watched: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        source_unread="数据源 {source} 无法读取",
        last_read="最近一次读取",
        never="从未成功",
        meanwhile="影响",
        not_watched="恢复之前，该处的用量不受监控",
    ),
    "en": _Words(
        source_unread="Source {source} cannot be read",
        last_read="Last read",
        never="never",
        meanwhile="Meanwhile",
        not_watched="what is spent there is not watched",
    ),
}


class UnreadSourceKind(AlertKind[SourceFacts, _Words]):
    """Since when, why, and what that means."""

    name = "source"
    facts_class = SourceFacts
    words = _WORDS

    def title(self, facts: SourceFacts, language: str) -> str:
        """Which source."""
        return self.words[language].source_unread.format(source=plain(facts.source))

    def lines(self, facts: SourceFacts, language: str) -> Lines:
        """Since when, why, and what that means."""
        words = self.words[language]
        return [
            (words.last_read, moment(facts.last_read_at, facts.timezone) or words.never),
            (WORDS[language].problem, line(facts.error)),
            (words.meanwhile, words.not_watched),
        ]

    def example(self) -> SourceFacts:
        """A database that does not answer."""
        return SourceFacts(
            level="critical",
            recipients=("ops",),
            source="main",
            error="the database does not answer",
            last_read_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


SOURCE = UnreadSourceKind()


@dataclass(frozen=True)
class _Silent:
    source: str
    last_success_at: datetime | None
    last_error: str


def raise_source_alerts(connection: Connection, configuration: ActiveConfiguration, now: datetime) -> list[str]:
    """Writes one alert an outage of a source; returns the ids of new ones.

    A source that was never read is alerted at once. ``now`` is aware UTC.
    """
    settings = configuration.settings
    parameters = {"sources": [source.id for source in settings.sources], "before": now - SILENT_FOR}
    raised = []
    with connection.transaction():
        for silent in rows(connection, _Silent, statement("alerts/silent_sources"), parameters):
            alert = NewAlert(
                kind=SOURCE,
                key=SourceKey(silent.source, silent.last_success_at),
                level="critical",
                facts=SourceFacts(
                    source=silent.source,
                    error=silent.last_error,
                    last_read_at=silent.last_success_at,
                    timezone=settings.timezone,
                ),
                config_version=configuration.version,
            )
            if raise_alert(connection, alert, operators(settings)):
                raised.append(alert.alert_id)
    return raised
