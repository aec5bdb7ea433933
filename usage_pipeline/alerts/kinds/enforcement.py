"""What enforcement did, waits to do, or could not do: one alert a step of an action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.enforcement_words import ENFORCEMENT_WORDS, EnforcementWords, detail_in_words
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.settings.budget import Level


class EnforcementStep(StrEnum):
    """The steps of an action, each of which is one alert. Their order stands in keys: new ones go to the end."""

    DRY_RUN = "dry_run"
    WAITING = "waiting for approval"
    APPLIED = "applied"
    FAILED = "failed"
    RELEASED = "released"
    BY_HAND = "by_hand"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RELEASE_FAILED = "release_failed"
    ASKED = "asked"
    NO_MORE = "no_more"


_AS_SEVERE_AS_THE_TIER = frozenset(
    {
        EnforcementStep.DRY_RUN,
        EnforcementStep.APPLIED,
        EnforcementStep.FAILED,
        EnforcementStep.WAITING,
        EnforcementStep.ASKED,
    }
)
_WARNINGS = frozenset({EnforcementStep.REFUSED, EnforcementStep.RELEASE_FAILED, EnforcementStep.EXPIRED})


@dataclass(frozen=True, kw_only=True)
class EnforcementFacts(AlertFacts):
    """An action's step (``what``), its target and cause, how to undo or decide it, and what it does not stop."""

    what: str | None = None
    action: str | None = None
    action_id: str | None = None
    project: str | None = None
    budget_id: str | None = None
    budget_name: str | None = None
    scope_name: str | None = None
    alert: str | None = None
    detail: str | None = None
    undo: str | None = None
    decide: str | None = None
    until: datetime | None = None
    limits_of_action: tuple[str, ...] = ()
    as_of: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class EnforcementKey:
    """A step of an action; ``since`` tells nothing apart: an action's id is made of what it is about."""

    action_id: str
    scope_value: str
    since: datetime
    step: EnforcementStep

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        number_of_step = Decimal(list(EnforcementStep).index(self.step) + 1)
        return Identity(self.action_id, self.scope_value, self.since, number_of_step)


class EnforcementKind(AlertKind[EnforcementFacts, EnforcementWords]):
    """What was done to which app, because of what, and how to undo it."""

    name = "enforcement"
    # What was done about an alert calls nobody again: the alert itself does.
    only_notes = ({"what": EnforcementStep.DRY_RUN.value}, {"what": EnforcementStep.APPLIED.value})
    facts_class = EnforcementFacts
    words = ENFORCEMENT_WORDS

    def title(self, facts: EnforcementFacts, language: str) -> str:
        """The action, its step, and at which app."""
        words, what, action = self.words[language], plain(facts.what), plain(facts.action)
        said = f"{words.enforcement_actions.get(action, action)} · {words.enforcement_steps.get(what, what)}"
        of_budget = " · ".join(part for part in (plain(facts.budget_name), plain(facts.scope_name)) if part)
        about = plain(facts.project) or of_budget
        return f"{said}: {about}" if about else said

    def lines(self, facts: EnforcementFacts, language: str) -> Lines:
        """Target, cause, what is not stopped, and the commands."""
        words, shared = self.words[language], WORDS[language]
        limits = [line(limit) for limit in facts.limits_of_action]
        return [
            (words.detail, detail_in_words(line(facts.detail), language)),
            (shared.project, line(facts.project)),
            (shared.budget, line(facts.budget_name)),
            (shared.scope, line(facts.scope_name)),
            (words.because_of, line(facts.alert)),
            *((words.not_stopped, words.limits.get(limit, limit)) for limit in limits),
            (shared.until, moment(facts.until, facts.timezone) or ""),
            (shared.decide, line(facts.decide)),
            (words.undo, line(facts.undo)),
        ]

    def leading(self, language: str) -> Sequence[str]:
        """Which app, because of which budget, and what exactly was done."""
        shared = WORDS[language]
        return (shared.project, shared.budget, self.words[language].detail)

    def deeds(self, facts: EnforcementFacts) -> tuple[str, ...]:
        """Undoing it where it was done, deciding it where it waits."""
        return (*(("undo",) if facts.undo else ()), *(("approve", "reject") if facts.decide else ()))

    def example(self) -> EnforcementFacts:
        """An app that was paused."""
        return EnforcementFacts(
            level="emergency",
            recipients=("ops",),
            what=EnforcementStep.APPLIED.value,
            action="pause_app",
            action_id="act-7k3m9qab",
            project="support-bot",
            budget_id="dev-daily",
            budget_name="dev-daily",
            scope_name="support-bot",
            alert="Bold",
            detail="web_app closed, service_api closed",
            undo="usage-pipeline enforcement release act-7k3m9qab",
            decide="usage-pipeline enforcement approve act-7k3m9qab",
            until=datetime(2026, 3, 2, 12, tzinfo=UTC),
            limits_of_action=("in_flight", "nested"),
            as_of=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


ENFORCEMENT = EnforcementKind()


def enforcement_alert(
    key: EnforcementKey, facts: EnforcementFacts, level_of_tier: Level, config_version: int | None, at: datetime
) -> NewAlert[EnforcementFacts]:
    """Returns the alert of a step: as severe as the tier where something is done, else a warning or a note."""
    step, level = key.step, level_of_tier
    if step not in _AS_SEVERE_AS_THE_TIER:
        level = "warning" if step in _WARNINGS else "info"
    return NewAlert(kind=ENFORCEMENT, key=key, level=level, facts=facts, config_version=config_version, at=at)
