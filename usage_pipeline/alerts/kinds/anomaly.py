"""Usage is far outside its own history: one alert a rule, value and day, or week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert, of_labels
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import Addressee, TenantName, addressees, operators, resolved_names
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import amount, moment
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.budgets.anomalies import Unusual
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True, kw_only=True)
class AnomalyFacts(AlertFacts):
    """What was used in a window (hour, day, week) and what is usual, in the measure's unit, cost in ``currency``.

    ``score`` is how many standard deviations lie between the two.
    """

    rule: str | None = None
    scope_name: str | None = None
    window: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    measure: str | None = None
    amount: Decimal | None = None
    usual: Decimal | None = None
    score: Decimal | None = None
    currency: str | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class AnomalyKey:
    """A value of a rule, and the day (of a week: its Monday) that the window ends in, as aware midnight."""

    rule_id: str
    value: str
    day: datetime

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.rule_id, self.value, self.day)


@dataclass(frozen=True)
class _Words:
    anomaly: str
    in_window: dict[str, str]
    window: str
    sum: str
    score: str
    times_spread: str
    rule: str
    rules: Mapping[str, str]


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        anomaly="用量异常",
        in_window={"hour": "最近一小时", "day": "昨日", "week": "最近七天"},
        window="时段",
        sum="用量",
        score="偏离程度",
        times_spread="{score} 倍标准差",
        rule="规则",
        rules={
            "everything-by-day": "全部用量，按日",
            "everything-by-hour": "全部用量，按小时",
            "projects-by-day": "各项目，按日",
            "projects-by-hour": "各项目，按小时",
        },
    ),
    "en": _Words(
        anomaly="Unusual usage",
        in_window={"hour": "in the last hour", "day": "yesterday", "week": "in the last week"},
        window="Window",
        sum="Used",
        score="Far from it by",
        times_spread="{score} standard deviations",
        rule="Rule",
        rules={
            "everything-by-day": "everything, by day",
            "everything-by-hour": "everything, by hour",
            "projects-by-day": "each project, by day",
            "projects-by-hour": "each project, by hour",
        },
    ),
}


class AnomalyKind(AlertKind[AnomalyFacts, _Words]):
    """What was used, when, and what is usual."""

    name = "anomaly"
    facts_class = AnomalyFacts
    words = _WORDS

    def title(self, facts: AnomalyFacts, language: str) -> str:
        """Which window, and whose usage."""
        words, window = self.words[language], plain(facts.window)
        said = f"{words.anomaly} · {words.in_window.get(window, window)}"
        about = plain(facts.scope_name) or _rule(facts, language)
        return f"{said}: {about}" if about else said

    def lines(self, facts: AnomalyFacts, language: str) -> Lines:
        """The figures and the rule."""
        words, shared = self.words[language], WORDS[language]
        ends = [moment(each, facts.timezone) or "?" for each in (facts.window_start, facts.window_end)]
        score = "" if facts.score is None else f"{facts.score:f}"
        return [
            (shared.scope, line(facts.scope_name)),
            (words.window, " - ".join(ends)),
            (words.sum, amount(facts.amount, facts.measure, facts.currency, shared) or ""),
            (shared.usual, amount(facts.usual, facts.measure, facts.currency, shared) or ""),
            (words.score, words.times_spread.format(score=score)),
            (words.rule, _rule(facts, language)),
        ]

    def summary(self, facts: AnomalyFacts, language: str) -> str:
        """How much, and how much is usual."""
        return of_labels(self.lines(facts, language), (self.words[language].sum, WORDS[language].usual))

    def leading(self, language: str) -> Sequence[str]:
        """How much, how much is usual, and when."""
        return (self.words[language].sum, WORDS[language].usual, self.words[language].window)

    def example(self) -> AnomalyFacts:
        """A project's day, 75 times its usual."""
        return AnomalyFacts(
            level="warning",
            recipients=("ops",),
            rule="projects-by-day",
            scope_name="support-bot",
            window="day",
            window_start=datetime(2026, 3, 1, 16, tzinfo=UTC),
            window_end=datetime(2026, 3, 2, 16, tzinfo=UTC),
            measure="tokens",
            amount=Decimal(900000),
            usual=Decimal(12000),
            score=Decimal("41.20"),
            currency="CNY",
            timezone="Asia/Shanghai",
        )


ANOMALY = AnomalyKind()


def _rule(facts: AnomalyFacts, language: str) -> str:
    """A rule of ours in words; one of the configuration by its name there."""
    return _WORDS[language].rules.get(str(facts.rule), line(facts.rule))


def raise_anomaly_alerts(
    connection: Connection, settings: Settings, version: int, unusual: Sequence[Unusual], now: datetime
) -> list[str]:
    """Writes the alerts of rules in mode `alert`; returns the ids of those that are new.

    Runs inside the transaction that found them. ``now`` is aware UTC.
    """
    raised = []
    for found in unusual:
        if found.rule.mode != "alert":
            continue
        alert = NewAlert(
            kind=ANOMALY,
            key=AnomalyKey(found.rule.id, found.value, _day_of(found, settings.timezone)),
            level=found.rule.level,
            facts=AnomalyFacts(
                rule=found.rule.id,
                scope_name=found.name,
                window=found.rule.window,
                window_start=found.window.starts,
                window_end=found.window.ends,
                measure=found.rule.measure,
                amount=found.amount,
                usual=found.usual,
                score=found.score,
                currency=settings.currency,
                timezone=settings.timezone,
            ),
            config_version=version,
            at=now,
        )
        if raise_alert(connection, alert, _recipients(connection, settings, found)):
            raised.append(alert.alert_id)
    return raised


def _day_of(found: Unusual, zone: str) -> datetime:
    """What makes the next one another alert: an hour's day, a day itself, a week's Monday."""
    day = (found.window.ends - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    if found.rule.window == "week":
        day -= timedelta(days=day.weekday())
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _recipients(connection: Connection, settings: Settings, found: Unusual) -> list[Addressee]:
    """`owner` stands for the one tenant that the value lies in; the configuration has it for no other values."""
    source, _, value = found.value.partition("/")
    parameters = {"source": source, "value": value}
    tenant = row(connection, TenantName, statement("alerts/tenant_of_value"), parameters) or TenantName("", "")
    return addressees(settings, resolved_names(settings, found.rule.notify, tenant)) or operators(settings)
