"""A source cannot be read, or only as far as a replica has come: what is spent there meanwhile is not watched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from usage_pipeline.alerts.kinds.base import EPOCH, AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN
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
# And that a replica which has lost its primary for a moment does not.
BEHIND_FOR = timedelta(minutes=5)
BEHIND = "behind"


@dataclass(frozen=True, kw_only=True)
class SourceFacts(AlertFacts):
    """Which source, why, and until when it was read.

    Of one that is read from a replica which is behind (``trouble``): since when, and how far that has come.
    """

    source: str | None = None
    error: str | None = None
    last_read_at: datetime | None = None
    timezone: str | None = None
    trouble: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    behind_since: datetime | None = field(default=None, metadata=ONLY_IF_KNOWN)
    replayed_up_to: datetime | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True)
class SourceKey:
    """An outage of a source, told apart by when it was last read, or is behind since (aware UTC; None: never)."""

    source: str
    at: datetime | None

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.source, period_start=self.at or EPOCH)


@dataclass(frozen=True)
class _Words:
    source_unread: str
    last_read: str
    never: str
    meanwhile: str
    not_watched: str
    replica_behind: str
    replayed_up_to: str
    not_counted: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        source_unread="数据源 {source} 无法读取",
        last_read="最近一次读取",
        never="从未成功",
        meanwhile="影响",
        not_watched="恢复之前，该处的用量不受监控",
        replica_behind="数据源 {source} 的只读副本落后于主库",
        replayed_up_to="副本已同步至",
        not_counted="此后提交的用量尚未计入，预算与报告可能偏低",
    ),
    "en": _Words(
        source_unread="Source {source} cannot be read",
        last_read="Last read",
        never="never",
        meanwhile="Meanwhile",
        not_watched="what is spent there is not watched",
        replica_behind="Source {source} is read from a replica that is behind",
        replayed_up_to="Replayed up to",
        not_counted="what was committed since is not counted: budgets and reports may be too low",
    ),
}


class UnreadSourceKind(AlertKind[SourceFacts, _Words]):
    """Since when, why, and what that means."""

    name = "source"
    facts_class = SourceFacts
    words = _WORDS

    def title(self, facts: SourceFacts, language: str) -> str:
        """Which source."""
        words = self.words[language]
        title = words.replica_behind if facts.trouble == BEHIND else words.source_unread
        return title.format(source=plain(facts.source))

    def lines(self, facts: SourceFacts, language: str) -> Lines:
        """Since when, why, and what that means."""
        words = self.words[language]
        if facts.trouble == BEHIND:
            return [
                (words.replayed_up_to, moment(facts.replayed_up_to, facts.timezone) or ""),
                (WORDS[language].error, line(facts.error)),
                (words.meanwhile, words.not_counted),
            ]
        return [
            (words.last_read, moment(facts.last_read_at, facts.timezone) or words.never),
            (WORDS[language].error, line(facts.error)),
            (words.meanwhile, words.not_watched),
        ]

    def leading(self, language: str) -> Sequence[str]:
        """Until when it was read, and what that means: errors are too long for a card's facts."""
        words = self.words[language]
        return (words.last_read, words.replayed_up_to, words.meanwhile)

    def example(self) -> SourceFacts:
        """A database that does not answer."""
        return SourceFacts(
            level="critical",
            recipients=("ops",),
            source="main",
            error="the database does not answer",
            last_read_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
            trouble="unread",
            behind_since=datetime(2026, 3, 2, 9, tzinfo=UTC),
            replayed_up_to=datetime(2026, 3, 2, 9, tzinfo=UTC),
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
    parameters = {"sources": _sources(configuration), "before": now - SILENT_FOR}
    with connection.transaction():
        outages = [
            (silent.last_success_at, SourceFacts(source=silent.source, error=silent.last_error,
                                                 last_read_at=silent.last_success_at))
            for silent in rows(connection, _Silent, statement("alerts/silent_sources"), parameters)
        ]  # fmt: skip
        return _raise(connection, configuration, outages)


@dataclass(frozen=True)
class _Behind:
    source: str
    behind_since: datetime
    detail: str
    replayed_up_to: datetime | None


def raise_replica_alerts(connection: Connection, configuration: ActiveConfiguration, now: datetime) -> list[str]:
    """Writes one alert each time that a source's replica stops or falls behind; returns the ids of new ones.

    ``now`` is aware UTC. A replica that has lost its primary for a moment alerts nobody.
    """
    bound = timedelta(minutes=configuration.settings.reading.replica_behind_minutes)
    parameters = {"sources": _sources(configuration), "before": now - bound, "seen_before": now - BEHIND_FOR}
    with connection.transaction():
        outages = [
            (behind.behind_since, SourceFacts(source=behind.source, error=behind.detail, trouble=BEHIND,
                                              behind_since=behind.behind_since, replayed_up_to=behind.replayed_up_to))
            for behind in rows(connection, _Behind, statement("alerts/sources_behind"), parameters)
        ]  # fmt: skip
        return _raise(connection, configuration, outages)


def _sources(configuration: ActiveConfiguration) -> list[str]:
    return [source.id for source in configuration.settings.sources]


def _raise(
    connection: Connection, configuration: ActiveConfiguration, outages: Iterable[tuple[datetime | None, SourceFacts]]
) -> list[str]:
    """Writes the alerts of outages, each by its moment and facts; returns the ids of new ones."""
    settings = configuration.settings
    raised = []
    for at, facts in outages:
        alert = NewAlert(
            kind=SOURCE,
            key=SourceKey(str(facts.source), at),
            level="critical",
            facts=replace(facts, timezone=settings.timezone),
            config_version=configuration.version,
        )
        if raise_alert(connection, alert, operators(settings)):
            raised.append(alert.alert_id)
    return raised
