"""One caller of a project goes round in circles: one alert a project, caller and day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.budget_words import BUDGET_WORDS
from usage_pipeline.alerts.kinds.what_is_done import undoing, what_is_done
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import Addressee, TenantName, addressees, operators, resolved_names
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import amount, moment
from usage_pipeline.alerts.text.names import shown_name
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.budgets.loops import Loop, midnight
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row


@dataclass(frozen=True, kw_only=True)
class LoopFacts(AlertFacts):
    """What a caller did within the last ``minutes``, cost in ``currency``; ``busiest_day`` in calls, of two weeks.

    ``source`` and ``app_id`` are where it is to be paused; ``dry_run_apps`` are added when the message is made.
    """

    project: str | None = None
    caller: str | None = None
    minutes: Decimal | None = None
    since: datetime | None = None
    calls: Decimal | None = None
    tokens: Decimal | None = None
    cost: Decimal | None = None
    busiest_day: Decimal | None = None
    currency: str | None = None
    timezone: str | None = None
    source: str | None = None
    app_id: str | None = None
    actions: tuple[str, ...] = ()
    enforcement_mode: str | None = None
    dry_run_apps: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoopKey:
    """A project and caller, and the day as aware midnight."""

    value: str
    day: datetime

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity("loops", self.value, self.day)


@dataclass(frozen=True)
class _Words:
    loop: str
    story: str
    went_on: str
    in_short: str
    caller: str
    spent: str
    advice: str
    what_to_do: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        loop="疑似循环调用",
        story="{caller} 近 {minutes} 分钟对 {project} 发起 {calls}，提示词长度相近或只增不减；"
        "此前两周最忙的一天共 {busiest}",
        went_on="开始于",
        in_short="概况",
        caller="调用方",
        spent="这段时间的用量",
        advice="建议",
        what_to_do="检查该调用方是否在重试或自我调用；必要时在 Dify 停用该应用或申请处置",
    ),
    "en": _Words(
        loop="Calls that go in circles",
        story="{caller} made {calls} of {project} within {minutes} minutes, with prompts that are alike or only grow;"
        " on its busiest day of two weeks it made {busiest}",
        went_on="Since",
        in_short="In short",
        caller="Caller",
        spent="Used meanwhile",
        advice="Advice",
        what_to_do="see whether the caller retries or calls itself; stop the app in Dify if need be",
    ),
}


class LoopKind(AlertKind[LoopFacts, _Words]):
    """Who calls what how often, how that compares, and what to look at."""

    name = "loop"
    facts_class = LoopFacts
    words = _WORDS

    def title(self, facts: LoopFacts, language: str) -> str:
        """Which project and caller."""
        caller = shown_name("user", facts.caller or "", language)
        about = " · ".join(part for part in (plain(facts.project), plain(caller)) if part)
        loop = self.words[language].loop
        return f"{loop}: {about}" if about else loop

    def lines(self, facts: LoopFacts, language: str) -> Lines:
        """The story, the figures, what to look at."""
        words, shared = self.words[language], WORDS[language]
        calls, busiest = (amount(each, "calls", None, shared) for each in (facts.calls, facts.busiest_day))
        caller = plain(shown_name("user", facts.caller or "", language))
        story = ""
        if calls and busiest and facts.minutes is not None:
            story = words.story.format(
                caller=caller, project=plain(facts.project), minutes=f"{facts.minutes:f}", calls=calls,
                busiest=busiest,
            )  # fmt: skip
        used = (amount(facts.tokens, "tokens", None, shared), amount(facts.cost, "cost", facts.currency, shared))
        return [
            (words.in_short, line(story)),
            (shared.project, line(facts.project)),
            (words.caller, caller),
            (words.went_on, moment(facts.since, facts.timezone) or ""),
            (words.spent, ", ".join(part for part in used if part)),
            (BUDGET_WORDS[language].actions, what_is_done(facts, language)),
            (words.advice, words.what_to_do),
        ]

    def summary(self, facts: LoopFacts, language: str) -> str:
        """The story in a sentence."""
        label = self.words[language].in_short
        return next((value for known, value in self.lines(facts, language) if known == label), "")

    def leading(self, language: str) -> Sequence[str]:
        """Who, since when, and what it used."""
        words = self.words[language]
        return (words.caller, words.went_on, words.spent)

    def deeds(self, facts: LoopFacts) -> tuple[str, ...]:
        """Taking it, and undoing what is done at once."""
        return ("acknowledge", *undoing(facts))

    def example(self) -> LoopFacts:
        """An agent that calls itself."""
        return LoopFacts(
            level="critical",
            recipients=("ops",),
            project="lead-enricher",
            caller="api: user-11",
            minutes=Decimal(10),
            since=datetime(2026, 3, 2, 9, 40, tzinfo=UTC),
            calls=Decimal(84),
            tokens=Decimal(172_000),
            cost=Decimal("4.40"),
            busiest_day=Decimal(9),
            currency="CNY",
            timezone="Asia/Shanghai",
            source="main",
            app_id="7d6a1c9e-5a0b-4c57-8f1e-2b9d3c4e5f60",
            actions=("pause_app",),
            enforcement_mode="auto",
            dry_run_apps=("lead-enricher",),
        )


LOOP = LoopKind()


def raise_loop_alerts(
    connection: Connection, settings: Settings, version: int, found: Sequence[Loop], now: datetime
) -> list[str]:
    """Writes the alerts of loops in modes `alert` and `pause`; returns the ids of those that are new.

    Runs inside the transaction that found them. ``now`` is aware UTC.
    """
    if settings.loops.mode not in ("alert", "pause"):
        return []
    raised = []
    for loop in found:
        alert = NewAlert(
            kind=LOOP,
            key=LoopKey(loop.value, midnight(settings, now)),
            level=settings.loops.level,
            facts=LoopFacts(
                project=loop.project,
                caller=loop.caller,
                minutes=Decimal(settings.loops.minutes),
                since=loop.since,
                calls=Decimal(loop.calls),
                tokens=loop.tokens,
                cost=loop.cost,
                busiest_day=Decimal(loop.busiest_day),
                currency=settings.currency,
                timezone=settings.timezone,
                source=loop.source,
                app_id=loop.app_id,
                actions=settings.loops.actions,
                enforcement_mode=settings.enforcement.mode,
            ),
            config_version=version,
            at=now,
        )
        if raise_alert(connection, alert, _recipients(connection, settings, loop)):
            raised.append(alert.alert_id)
    return raised


def _recipients(connection: Connection, settings: Settings, loop: Loop) -> list[Addressee]:
    """`owner` stands for the recipients of the project's tenant; nobody named: the operators."""
    query = (
        "SELECT t.tenant_id, t.name FROM usage.project p JOIN usage.tenant t USING (source, tenant_id)"
        " WHERE p.source = %s AND p.app_id = %s"
    )
    tenant = row(connection, TenantName, query, [loop.source, loop.app_id]) or TenantName("", "")
    return addressees(settings, resolved_names(settings, settings.loops.notify, tenant)) or operators(settings)
