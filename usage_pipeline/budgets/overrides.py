"""Overrides of a budget: requested, approved by somebody else, added to the limit until their end, then gone.

An override is added to the configured limit while it lasts (sql/budgets/allowances.sql); nothing of the file changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from usage_pipeline.budgets.audit_log import record_event
from usage_pipeline.inputs import InputError
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.short_id import short_id
from usage_pipeline.warehouse.statements import statement


class OverrideRefusedError(InputError):
    """A request or a decision that cannot be taken; the text says why and what would be."""


class OverrideState(StrEnum):
    """Where an override is on its way."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"  # nobody decided on it before its end
    ENDED = "ended"


@dataclass(frozen=True)
class Override:
    """An override as it stands; amounts in the measure's unit, times aware UTC."""

    override_id: str
    budget_id: str
    scope_value: str
    scope_name: str
    measure: str | None
    raise_by: Decimal | None
    raise_percent: Decimal | None
    state: str
    reason: str
    requested_by: str
    requested_at: datetime
    until: datetime
    decided_by: str | None
    decided_at: datetime | None
    requested_known_by: str | None
    decided_known_by: str | None

    @property
    def amount(self) -> str:
        """Returns what it adds, for people."""
        if self.raise_percent is not None:
            return f"{self.raise_percent.normalize():f} %" + (f" of {self.measure}" if self.measure else "")
        return f"{self.raise_by:,f} {self.measure}"


@dataclass(frozen=True)
class NewOverride:
    """What somebody asks for; exactly one of ``raise_by`` and ``raise_percent``."""

    budget_id: str
    scope: str | None
    measure: str | None
    raise_by: Decimal | None
    raise_percent: Decimal | None
    until: datetime
    reason: str
    by: str
    known_by: KnownBy | None = None


@dataclass(frozen=True)
class _Value:
    scope_value: str
    scope_name: str


def write_override_request(connection: Connection, settings: Settings, asked: NewOverride, now: datetime) -> Override:
    """Writes a pending override. Raises OverrideRefusedError when it could never be approved.

    Runs inside the caller's transaction, which also writes the message to the approvers.
    """
    budget = _budget(settings, asked.budget_id)
    measure = _measure(budget, asked)
    _within_bounds(settings, budget, asked, measure, now)
    scope_value, scope_name = _value(connection, budget, asked.scope, now)
    override_id = _override_id(asked, scope_value, measure, now)
    connection.execute(
        statement("overrides/request"),
        {
            "override_id": override_id,
            "budget_id": budget.id,
            "scope_value": scope_value,
            "scope_name": scope_name,
            "measure": measure,
            "raise_by": asked.raise_by,
            "raise_percent": asked.raise_percent,
            "reason": asked.reason,
            "by": asked.by,
            "known_by": asked.known_by,
            "now": now,
            "until": asked.until,
        },
    )
    wanted = override_with_id(connection, override_id)
    record_event(
        connection,
        now,
        budget.id,
        scope_value,
        "raise requested",
        by=asked.by,
        known_by=asked.known_by,
        about=override_id,
        detail=f"{wanted.amount} until {asked.until.isoformat()}: {asked.reason}",
    )
    return wanted


def _override_id(asked: NewOverride, scope_value: str, measure: str | None, now: datetime) -> str:
    """Short, and made of what is asked for, by whom and when."""
    amount = asked.raise_by if asked.raise_by is not None else f"{asked.raise_percent}%"
    parts = (asked.budget_id, scope_value, measure, amount, asked.until.isoformat(), asked.by, now.isoformat())
    return "r" + short_id("|".join(map(str, parts)), 7)


def decide(
    connection: Connection,
    settings: Settings,
    override_id: str,
    *,
    approve: bool,
    by: str,
    note: str,
    now: datetime,
    known_by: KnownBy | None = None,
) -> Override:
    """Approves or rejects a pending override. Raises OverrideRefusedError when ``by`` may not, or it is not pending."""
    wanted = override_with_id(connection, override_id)
    refusal = settings.approvals.refusal(by, known_by)
    if refusal:
        raise OverrideRefusedError(refusal)
    if by not in settings.approvals.others(wanted.requested_by):
        as_what = "" if by == wanted.requested_by else f" as {wanted.requested_by!r}"
        raise OverrideRefusedError(
            f"{by!r} asked for {override_id}{as_what} and cannot decide on it: another approver must"
        )
    state = OverrideState.APPROVED if approve else OverrideState.REJECTED
    _change(connection, wanted, state, by, now, known_by)
    record_event(
        connection,
        now,
        wanted.budget_id,
        wanted.scope_value,
        f"raise {state}",
        by=by,
        known_by=known_by,
        about=override_id,
        detail=note,
    )
    return override_with_id(connection, override_id)


def withdraw(
    connection: Connection, override_id: str, *, by: str, now: datetime, known_by: KnownBy | None = None
) -> Override:
    """Takes a pending override back. Raises OverrideRefusedError unless ``by`` asked for it and it is pending."""
    wanted = override_with_id(connection, override_id)
    if by != wanted.requested_by:
        raise OverrideRefusedError(f"only {wanted.requested_by!r}, who asked for {override_id}, can withdraw it")
    _change(connection, wanted, OverrideState.WITHDRAWN, by, now, known_by)
    record_event(
        connection,
        now,
        wanted.budget_id,
        wanted.scope_value,
        "raise withdrawn",
        by=by,
        known_by=known_by,
        about=override_id,
    )
    return override_with_id(connection, override_id)


def close_due(connection: Connection, now: datetime) -> list[Override]:
    """Closes overrides whose end has come; returns them, each once. Runs inside the caller's transaction."""
    closed = values(connection, str, statement("overrides/close_due"), {"now": now})
    found = [override_with_id(connection, override_id) for override_id in closed]
    for ended in found:
        record_event(
            connection, now, ended.budget_id, ended.scope_value, f"raise {ended.state}", about=ended.override_id
        )
    return found


def override_with_id(connection: Connection, override_id: str) -> Override:
    """Returns one override. Raises OverrideRefusedError when there is none of that id."""
    found = overrides(connection, override_id=override_id)
    if not found:
        raise OverrideRefusedError(f"there is no override {override_id!r}; `usage-pipeline overrides list` shows them")
    return found[0]


def overrides(
    connection: Connection,
    *,
    override_id: str | None = None,
    state: str | None = None,
    budget_id: str | None = None,
) -> list[Override]:
    """Returns overrides by id, state or budget, the newest first."""
    parameters = {"override_id": override_id, "state": state, "budget_id": budget_id}
    return rows(connection, Override, statement("overrides/listed"), parameters)


def _change(
    connection: Connection, wanted: Override, state: OverrideState, by: str, now: datetime, known_by: KnownBy | None
) -> None:
    parameters = {"override_id": wanted.override_id, "state": state, "by": by, "known_by": known_by, "now": now}
    if not values(connection, str, statement("overrides/decide"), parameters):
        current = override_with_id(connection, wanted.override_id)
        why = (
            f"is {current.state} already"
            if current.state != OverrideState.PENDING
            else f"has run out at {current.until}"
        )
        raise OverrideRefusedError(f"{wanted.override_id} {why}: ask for a new one with `overrides request`")


def _budget(settings: Settings, budget_id: str) -> Budget:
    found = next((budget for budget in settings.budgets if budget.id == budget_id), None)
    if found is None:
        known = ", ".join(budget.id for budget in settings.budgets) or "none"
        raise OverrideRefusedError(f"there is no budget {budget_id!r}; the configuration has: {known}")
    return found


def _measure(budget: Budget, asked: NewOverride) -> str | None:
    limited = list(budget.limit.measures())
    if asked.measure is not None:
        if asked.measure not in limited:
            raise OverrideRefusedError(f"{budget.id} does not limit {asked.measure}; it limits {', '.join(limited)}")
        return asked.measure
    if asked.raise_by is not None and len(limited) > 1:
        raise OverrideRefusedError(f"{budget.id} limits {', '.join(limited)}: say with --measure which one to raise")
    return limited[0] if asked.raise_by is not None else None


def _within_bounds(settings: Settings, budget: Budget, asked: NewOverride, measure: str | None, now: datetime) -> None:
    if (asked.raise_by is None) == (asked.raise_percent is None):
        raise OverrideRefusedError("say either an amount or per cent, not both")
    if min(asked.raise_by or Decimal(1), asked.raise_percent or Decimal(1)) <= 0:
        raise OverrideRefusedError("an override must be above zero; lower a limit in the configuration file")
    if not asked.reason.strip():
        raise OverrideRefusedError("say the reason: it is on record and the approvers read it")
    longest = timedelta(days=settings.approvals.longest_days)
    if not now < asked.until <= now + longest:
        raise OverrideRefusedError(
            f"the end {asked.until.isoformat()} must lie within the next {longest.days} days (approvals.longest_days)"
        )
    highest = settings.approvals.highest_percent
    limit = budget.limit.measures()[measure] if measure else Decimal(0)
    percent = asked.raise_percent or (asked.raise_by or Decimal(0)) * 100 / (limit or Decimal(1))
    if percent > highest:
        raise OverrideRefusedError(
            f"{percent:.0f} % of the limit is above {highest} % (approvals.highest_percent): change the budget instead"
        )


def _value(connection: Connection, budget: Budget, scope: str | None, now: datetime) -> tuple[str, str]:
    """Which of the budget's values is meant, by its name or its scope value, in the current period."""
    current = rows(connection, _Value, statement("overrides/current_values"), {"budget_id": budget.id, "now": now})
    known = {value.scope_value: value.scope_name for value in current}
    if not budget.per:
        if scope:
            raise OverrideRefusedError(f"{budget.id} is one budget for its whole scope: leave --scope out")
        return "", known.get("", "")
    matching = [value for value, name in known.items() if scope in (value, name)]
    if len(matching) == 1:
        return matching[0], known[matching[0]]
    if len(matching) > 1:
        raise OverrideRefusedError(f"{scope!r} fits several values of {budget.id}: name one of {_listed(matching)}")
    if scope is None:
        dimensions = " and ".join(budget.per)
        raise OverrideRefusedError(f"{budget.id} is a budget for each {dimensions}: say which one with --scope")
    raise OverrideRefusedError(
        f"{budget.id} has no value {scope!r} in its current period; it has {_listed(list(known.values()))}"
    )


def _listed(values: Sequence[str]) -> str:
    return (", ".join(repr(value) for value in values[:10]) + (", ..." if len(values) > 10 else "")) or "none"
