"""What a visitor can do about an alert now: the page offers these as forms, and a form does nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.alerts.history import RecordedAlert, acknowledged_by
from usage_pipeline.alerts.kinds.registry import kind_of
from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.budgets.overrides import Override, overrides
from usage_pipeline.enforcement.state import ActionRecord, ActionState, actions
from usage_pipeline.links import Deed
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.web.visit import Sight, Visit, sight_of, tenant_of_scope, tenant_of_value

_UNDOABLE = (ActionState.APPLIED, ActionState.VERIFIED, ActionState.FAILED, ActionState.APPROVED, ActionState.PLANNED)


@dataclass(frozen=True)
class Offer:
    """One deed, about an override or action (by id) or the alert itself; ``about`` names the subject for people."""

    deed: Deed
    subject: str = ""
    about: str = ""


@dataclass(frozen=True)
class Matter:
    """What an alert is about, as far as its recipient may see it: a budget's value, its overrides, and actions.

    ``budget_id`` is empty for alerts that are of no budget, as those of loops; ``refusal`` says why the visitor may not
    approve, if so.
    """

    alert: RecordedAlert
    budget_id: str
    scope_value: str
    tenant: TenantName | None
    sight: Sight
    overrides: list[Override]
    actions: list[ActionRecord]
    refusal: str | None

    @property
    def is_visible(self) -> bool:
        """Returns whether the budget's value itself, with all its parts, is for the visitor's eyes."""
        return bool(self.budget_id) and self.sight.sees(self.tenant)


def matter_of(connection: Connection, settings: Settings, visit: Visit, alert: RecordedAlert) -> Matter:
    """Returns what the alert is about, cut to what the visitor may see."""
    budget_id, scope_value = _budget_of(alert)
    known = any(budget.id == budget_id for budget in settings.budgets)
    budget_id = budget_id if known else ""
    sight = sight_of(settings, visit.link.recipient, budget_id or None)
    tenant = tenant_of_value(connection, budget_id, scope_value) if budget_id else None
    return Matter(
        alert=alert,
        budget_id=budget_id,
        scope_value=scope_value,
        tenant=tenant,
        sight=sight,
        overrides=_overrides(connection, alert, budget_id, scope_value, sees=sight.sees(tenant)) if budget_id else [],
        actions=_actions(connection, alert, budget_id, scope_value, sight),
        refusal=settings.approvals.refusal(visit.person, visit.known_by),
    )


def offers(connection: Connection, settings: Settings, visit: Visit, matter: Matter, now: datetime) -> list[Offer]:
    """Returns what the visitor can do now; ``now`` is aware UTC."""
    return [
        *_of_alert(connection, matter),
        *_of_overrides(settings, visit, matter, now),
        *_of_actions(matter, now),
    ]


def _of_alert(connection: Connection, matter: Matter) -> Iterator[Offer]:
    if kind_of(matter.alert.kind).acknowledgeable and acknowledged_by(connection, matter.alert.alert_id) is None:
        yield Offer(Deed.ACKNOWLEDGE)
    # Who silences a budget of all keeps its alerts from everybody.
    if matter.is_visible:
        yield Offer(Deed.SILENCE)
        yield Offer(Deed.REQUEST)


def _of_overrides(settings: Settings, visit: Visit, matter: Matter, now: datetime) -> Iterator[Offer]:
    if matter.refusal:
        return
    for override in matter.overrides:
        pending = override.state == "pending" and override.until > now
        if pending and visit.person in settings.approvals.others(override.requested_by):
            yield Offer(Deed.APPROVE, override.override_id, override.amount)
            yield Offer(Deed.REJECT, override.override_id, override.amount)


def _of_actions(matter: Matter, now: datetime) -> Iterator[Offer]:
    for action in matter.actions:
        waits = action.state == ActionState.PLANNED and action.release_at is None
        if waits and (action.approve_until is None or action.approve_until > now) and not matter.refusal:
            yield Offer(Deed.APPROVE, action.action_id, action.target_name)
            yield Offer(Deed.REJECT, action.action_id, action.target_name)
        elif action.held is not None and action.release_at is None and action.state in _UNDOABLE:
            yield Offer(Deed.UNDO, action.action_id, action.target_name)


def _budget_of(alert: RecordedAlert) -> tuple[str, str]:
    """The budget and its value: of overrides and actions as their facts say, whose rows are about these themselves."""
    if alert.kind == "budget":
        return alert.budget_id, alert.scope_value
    return str(alert.facts.get("budget_id") or ""), alert.scope_value


def _overrides(
    connection: Connection, alert: RecordedAlert, budget_id: str, scope_value: str, *, sees: bool
) -> list[Override]:
    own = str(alert.facts.get("override") or "")
    return [
        override
        for override in overrides(connection, budget_id=budget_id)
        if override.override_id == own or (sees and override.scope_value == scope_value)
    ]


def _actions(
    connection: Connection, alert: RecordedAlert, budget_id: str, scope_value: str, sight: Sight
) -> list[ActionRecord]:
    own = str(alert.facts.get("action_id") or "")
    of_budget = actions(connection, budget_id=budget_id) if budget_id else []
    found = [
        *(actions(connection, action_id=own) if own else ()),
        *actions(connection, alert_id=alert.alert_id),
        *(action for action in of_budget if action.scope_value == scope_value),
    ]
    each = {action.action_id: action for action in found}.values()
    return [action for action in each if sight.sees(_tenant_of_action(connection, action))]


def _tenant_of_action(connection: Connection, action: ActionRecord) -> TenantName | None:
    return tenant_of_scope(connection, {"source": action.source, "tenant_id": action.tenant_id})
