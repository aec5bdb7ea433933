"""A temporary override of a budget: the approvers are asked, everyone concerned is notified of each further step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import ONLY_IF_KNOWN, number, text
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import addressees, operators, recipients_of_budget
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import amount, moment
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.budgets.overrides import Override
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection


class OverrideStep(StrEnum):
    """The steps of one override, each of which is one alert. Their order stands in keys: new ones go to the end."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ENDED = "ended"


def _raise_by(stored: object) -> object:
    """Amounts by measure, or an amount in words."""
    if isinstance(stored, Mapping):
        return {str(measure): number(value) for measure, value in stored.items()}
    return text(stored)


@dataclass(frozen=True, kw_only=True)
class OverrideFacts(AlertFacts):
    """What is asked for, by whom and until when. ``raise_by`` is in words, or amounts by measure in ``currency``."""

    override: str | None = None
    step: str | None = None
    budget_id: str | None = None
    budget_name: str | None = None
    scope_name: str | None = None
    raise_by: str | Mapping[str, Decimal | None] | None = field(
        default=None, metadata={"key": "raise", "read": _raise_by}
    )
    measure: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    currency: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    until: datetime | None = None
    reason: str | None = None
    requested_by: str | None = None
    decided_by: str | None = None
    approvers: tuple[str, ...] = ()
    note: str | None = None
    as_of: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class OverrideKey:
    """A step of an override."""

    override_id: str
    scope_value: str
    requested_at: datetime
    step: OverrideStep

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        number_of_step = Decimal(list(OverrideStep).index(self.step) + 1)
        return Identity(self.override_id, self.scope_value, self.requested_at, number_of_step)


@dataclass(frozen=True)
class _Words:
    override: str
    override_steps: dict[str, str]
    raise_by: str = field(metadata={"key": "raise"})  # as templates know it
    reason: str
    requested_by: str
    decided_by: str
    approvers: str
    note: str
    override_id: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        override="预算临时上调",
        override_steps={
            "requested": "待审批",
            "approved": "已批准",
            "rejected": "已驳回",
            "withdrawn": "已撤回",
            "expired": "申请已过期",
            "ended": "已结束",
        },
        raise_by="上调",
        reason="原因",
        requested_by="申请人",
        decided_by="审批人",
        approvers="等待审批",
        note="备注",
        override_id="上调编号",
    ),
    "en": _Words(
        override="Temporary raise",
        override_steps={
            "requested": "waits for approval",
            "approved": "approved",
            "rejected": "rejected",
            "withdrawn": "withdrawn",
            "expired": "request expired",
            "ended": "ended",
        },
        raise_by="Raised by",
        reason="Reason",
        requested_by="Requested by",
        decided_by="Decided by",
        approvers="Waits for",
        note="Note",
        override_id="Override",
    ),
}


class OverrideKind(AlertKind[OverrideFacts, _Words]):
    """What is asked for; and while it is pending, how to decide it."""

    name = "override"
    facts_class = OverrideFacts
    words = _WORDS

    def title(self, facts: OverrideFacts, language: str) -> str:
        """The step, and of which budget."""
        words, step = self.words[language], plain(facts.step)
        said = f"{words.override} · {words.override_steps.get(step, step)}"
        about = " · ".join(part for part in (plain(facts.budget_name), plain(facts.scope_name)) if part)
        return f"{said}: {about}" if about else said

    def lines(self, facts: OverrideFacts, language: str) -> Lines:
        """How much until when, who asked and decided, and how to decide."""
        words, shared, override = self.words[language], WORDS[language], plain(facts.override)
        lines = [
            (words.raise_by, _amounts(facts, language)),
            (shared.until, moment(facts.until, facts.timezone) or ""),
            (shared.budget, line(facts.budget_name)),
            (shared.scope, line(facts.scope_name)),
            (words.reason, line(facts.reason)),
            (words.requested_by, line(facts.requested_by)),
            (words.decided_by, line(facts.decided_by)),
            (words.note, line(facts.note)),
            (words.override_id, override),
        ]
        if facts.step == OverrideStep.REQUESTED:
            lines.append((words.approvers, ", ".join(line(name) for name in facts.approvers)))
            commands = [f"usage-pipeline overrides {word} {override}" for word in ("approve", "reject")]
            lines.append((shared.decide, " / ".join(commands) if override else ""))
        return lines

    def leading(self, language: str) -> Sequence[str]:
        """How much, until when, and who asks."""
        words = self.words[language]
        return (words.raise_by, WORDS[language].until, words.requested_by)

    def deeds(self, facts: OverrideFacts) -> tuple[str, ...]:
        """Deciding it while it waits."""
        return ("approve", "reject") if facts.step == OverrideStep.REQUESTED else ()

    def example(self) -> OverrideFacts:
        """A request that waits for two approvers."""
        return OverrideFacts(
            level="info",
            recipients=("ops",),
            override="r7k3m9qa",
            step=OverrideStep.REQUESTED,
            budget_id="company-month",
            budget_name="company-month",
            scope_name="Marketing",
            raise_by={"cost": Decimal(20_000)},
            measure="cost",
            currency="CNY",
            until=datetime(2026, 3, 31, 16, tzinfo=UTC),
            reason="spring sale",
            requested_by="li.si",
            decided_by="zhao.liu",
            approvers=("wang.wu", "zhao.liu"),
            note="until the sale ends",
            as_of=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


OVERRIDE = OverrideKind()


def _amounts(facts: OverrideFacts, language: str) -> str:
    """By how much: with its unit when the facts say what is measured."""
    raised, words = facts.raise_by, WORDS[language]
    if isinstance(raised, Mapping):
        parts = (amount(value, measure, facts.currency, words) for measure, value in raised.items())
        return ", ".join(part for part in parts if part)
    if facts.measure and number(raised) is not None:
        return amount(number(raised), facts.measure, facts.currency, words) or ""
    return line(raised)


def notify_override(
    connection: Connection, settings: Settings, version: int, wanted: Override, now: datetime, *, note: str = ""
) -> str | None:
    """Writes the message of the override's present state, once; returns the alert's id, None when it was there already.

    Runs inside the caller's transaction, which made the step. ``now`` is aware UTC.
    """
    step = OverrideStep.REQUESTED if wanted.state == "pending" else OverrideStep(wanted.state)
    budget = next((b for b in settings.budgets if b.id == wanted.budget_id), None)
    recipients = recipients_of_budget(connection, settings, wanted.budget_id, wanted.scope_value)
    if step == OverrideStep.REQUESTED:
        recipients = addressees(settings, settings.approvals.notify) or operators(settings)
    alert = NewAlert(
        kind=OVERRIDE,
        key=OverrideKey(wanted.override_id, wanted.scope_value, wanted.requested_at, step),
        period_end=wanted.until,
        level="info",
        facts=OverrideFacts(
            override=wanted.override_id,
            step=step.value,
            budget_id=wanted.budget_id,
            budget_name=(budget.name if budget else None) or wanted.budget_id,
            scope_name=wanted.scope_name,
            raise_by=wanted.amount,
            until=wanted.until,
            reason=wanted.reason,
            requested_by=wanted.requested_by,
            decided_by=wanted.decided_by,
            approvers=tuple(settings.approvals.others(wanted.requested_by)),
            note=note,
            as_of=now,
            timezone=settings.timezone,
        ),
        config_version=version,
        at=now,
    )
    return alert.alert_id if raise_alert(connection, alert, recipients) else None
