"""The pipeline itself is in trouble: its passes, a channel, or a source that has gone quiet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from usage_pipeline.alerts.kinds.base import EPOCH, AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import Addressee, by_another_way, operators
from usage_pipeline.alerts.text.escape import line, our_url, plain
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.names import channel_name
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value_or_none
from usage_pipeline.warehouse.statements import statement


class Trouble(StrEnum):
    """What the watchdog looks for."""

    PASS_FAILED = "pass_failed"  # noqa: S105  (a pass over the sources)
    PASSES_FAILED = "passes_failed"
    CHANNEL_FAILING = "channel_failing"
    SOURCE_QUIET = "source_quiet"


@dataclass(frozen=True, kw_only=True)
class PipelineFacts(AlertFacts):
    """What is the matter (``watch``) with what (``about``), and until when all was well; the rest by kind of trouble.

    ``attempts`` is how many failed; ``usual`` is how many calls there are at this time of other weeks. ``run`` is the
    pass's id in Dagster, ``link`` its page there.
    """

    watch: str | None = None
    about: str | None = None
    well_until: datetime | None = None
    timezone: str | None = None
    recipient: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    channel: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    attempts: Decimal | None = field(default=None, metadata=ONLY_IF_KNOWN)
    usual: Decimal | None = field(default=None, metadata=ONLY_IF_KNOWN)
    answer: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    run: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    link: str | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True)
class PipelineKey:
    """An outage, told apart by when all was last well (aware UTC; None: never), so that the next one is a new alert."""

    trouble: Trouble
    about: str
    well_until: datetime | None

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(f"{self.trouble}:{self.about}", period_start=self.well_until or EPOCH)


@dataclass(frozen=True)
class _Words:
    troubles: dict[str, str]
    well_until: str
    never_well: str
    usual_calls: str
    failed_attempts: str
    last_answer: str
    run: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        troubles={
            "pass_failed": "一次采集失败",
            "passes_failed": "连续三次采集未能完成",
            "channel_failing": "渠道一小时以来持续失败：{about}",
            "source_quiet": "数据源 {about} 异常安静",
        },
        well_until="此前正常至",
        never_well="从未",
        usual_calls="往常同一时段的调用数",
        failed_attempts="失败次数",
        last_answer="最近的答复（原文）",
        run="运行",
    ),
    "en": _Words(
        troubles={
            "pass_failed": "A pass failed",
            "passes_failed": "Three passes in a row did not come to their end",
            "channel_failing": "A channel has failed for an hour: {about}",
            "source_quiet": "Source {about} is quieter than it ever is at this time of the week",
        },
        well_until="All was well until",
        never_well="never",
        usual_calls="Calls at this time of other weeks",
        failed_attempts="Failed attempts",
        last_answer="Last answer",
        run="Run",
    ),
}


class PipelineKind(AlertKind[PipelineFacts, _Words]):
    """What is the matter and since when."""

    name = "watch"
    facts_class = PipelineFacts
    words = _WORDS

    def title(self, facts: PipelineFacts, language: str) -> str:
        """What is the matter."""
        said = self.words[language].troubles.get(str(facts.watch))
        return said.format(about=plain(facts.about)) if said else plain(facts.watch)

    def lines(self, facts: PipelineFacts, language: str) -> Lines:
        """Since when, and what is known."""
        words, shared = self.words[language], WORDS[language]
        return [
            (words.well_until, moment(facts.well_until, facts.timezone) or words.never_well),
            (shared.recipient, line(facts.recipient)),
            (shared.channel, line(channel_name(facts.channel, language))),
            (words.failed_attempts, "" if facts.attempts is None else f"{facts.attempts:f}"),
            (words.usual_calls, "" if facts.usual is None else f"{facts.usual:f}"),
            (words.last_answer, line(facts.answer)),
            (words.run, our_url(facts.link) or line(facts.run)),
        ]

    def leading(self, language: str) -> Sequence[str]:
        """Since when, and whom or how often: answers and addresses are too long for a card's facts."""
        words, shared = self.words[language], WORDS[language]
        return (words.well_until, shared.recipient, words.failed_attempts, shared.channel, words.usual_calls)

    def example(self) -> PipelineFacts:
        """A channel that refuses everything."""
        return PipelineFacts(
            level="critical",
            recipients=("mail",),
            watch=Trouble.CHANNEL_FAILING.value,
            about="ops",
            well_until=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
            recipient="ops",
            channel="wecom",
            attempts=Decimal(9),
            usual=Decimal(12),
            answer="503 down for repairs",
            run="0d18dcda-165c-4098-aedb-62e61d8e2c8d",
            link="https://dagster.example.com/runs/0d18dcda-165c-4098-aedb-62e61d8e2c8d",
        )


PIPELINE = PipelineKind()


@dataclass(frozen=True)
class _FailedPasses:
    error: str | None
    last_held: datetime | None


@dataclass(frozen=True)
class _FailingChannel:
    recipient: str
    channel: str
    attempts: int
    answer: str | None
    last_accepted: datetime | None


@dataclass(frozen=True)
class _QuietSource:
    source: str
    last_event: datetime
    usual: int


@dataclass(frozen=True)
class _Found:
    key: PipelineKey
    facts: PipelineFacts
    recipients: Sequence[Addressee]


@dataclass(frozen=True)
class FailedPass:
    """A pass that failed at a moment (aware), and the page of its run, where Dagster's UI has a known address."""

    run_id: str
    at: datetime
    link: str | None


def raise_failed_pass(connection: Connection, configuration: ActiveConfiguration, failed: FailedPass) -> str | None:
    """Writes one alert an outage, with the first run that failed; returns its id, None when it was there already."""
    last_held = "SELECT max(finished_at) FROM usage.pass_record WHERE held AND finished_at < %s"
    key = PipelineKey(Trouble.PASS_FAILED, "", value_or_none(connection, datetime, last_held, [failed.at]))
    error = value_or_none(connection, str, "SELECT error FROM usage.pass_record WHERE pass_id = %s", [failed.run_id])
    alert = NewAlert(
        kind=PIPELINE,
        key=key,
        level="warning",
        facts=PipelineFacts(
            watch=key.trouble.value,
            about=key.about,
            well_until=key.well_until,
            timezone=configuration.settings.timezone,
            answer=error,
            run=failed.run_id,
            link=failed.link,
        ),
        config_version=configuration.version,
    )
    with connection.transaction():
        raised = raise_alert(connection, alert, operators(configuration.settings))
    return alert.alert_id if raised else None


def raise_watch_alerts(connection: Connection, configuration: ActiveConfiguration, now: datetime) -> list[str]:
    """Writes one alert an outage of each kind; returns the ids of those that are new. ``now`` is aware UTC."""
    settings, raised = configuration.settings, []
    with connection.transaction():
        for found in _found(connection, settings, now):
            alert = NewAlert(
                kind=PIPELINE,
                key=found.key,
                level="critical",
                facts=replace(
                    found.facts,
                    watch=found.key.trouble.value,
                    about=found.key.about,
                    well_until=found.key.well_until,
                    timezone=settings.timezone,
                ),
                config_version=configuration.version,
            )
            if raise_alert(connection, alert, found.recipients):
                raised.append(alert.alert_id)
    return raised


def _found(connection: Connection, settings: Settings, now: datetime) -> Iterator[_Found]:
    passes = row(connection, _FailedPasses, statement("alerts/passes_failed"), {"now": now})
    if passes:
        key = PipelineKey(Trouble.PASSES_FAILED, "", passes.last_held)
        yield _Found(key, PipelineFacts(answer=passes.error or ""), operators(settings))
    for each in rows(connection, _FailingChannel, statement("alerts/channels_failing"), {"now": now}):
        facts = PipelineFacts(
            recipient=each.recipient,
            channel=each.channel,
            attempts=Decimal(each.attempts),
            answer=each.answer or "",
        )
        key = PipelineKey(Trouble.CHANNEL_FAILING, each.recipient, each.last_accepted)
        yield _Found(key, facts, by_another_way(settings, each.recipient, each.channel))
    parameters = {"now": now, "sources": [source.id for source in settings.sources]}
    for quiet in rows(connection, _QuietSource, statement("alerts/quiet_sources"), parameters):
        key = PipelineKey(Trouble.SOURCE_QUIET, quiet.source, quiet.last_event)
        yield _Found(key, PipelineFacts(usual=Decimal(quiet.usual)), operators(settings))
