"""Notifies people of each step of an action, once, through the outbox."""

from collections.abc import Sequence
from datetime import datetime

from usage_pipeline.alerts.kinds.base import EPOCH
from usage_pipeline.alerts.kinds.enforcement import (
    EnforcementFacts,
    EnforcementKey,
    EnforcementStep,
    enforcement_alert,
)
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipient_view import sees_all, tenants_of
from usage_pipeline.alerts.recipients import Addressee, addressees, operators
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none

_UNDOABLE = (EnforcementStep.APPLIED, EnforcementStep.RELEASE_FAILED, EnforcementStep.FAILED)
_WHAT_IT_DOES_NOT_STOP = (EnforcementStep.APPLIED, EnforcementStep.WAITING)


def notify(
    connection: Connection,
    settings: Settings,
    action: ActionRecord,
    what: str,
    now: datetime,
    *,
    detail: str = "",
    not_stopped: Sequence[str] = (),
) -> None:
    """Writes the message of one step of an action. Runs inside the caller's transaction, which made the step."""
    step = EnforcementStep(what)
    closed = step in _UNDOABLE and action.held is not None
    waiting = step == EnforcementStep.WAITING
    # A loop is of no budget.
    budget_id = None if action.of_loop else action.budget_id
    facts = EnforcementFacts(
        what=step.value,
        action=action.action,
        action_id=action.action_id,
        project=action.target_name,
        budget_id=budget_id,
        budget_name=_name(settings, budget_id),
        scope_name=action.scope_name,
        alert=action.alert_id,
        detail=detail,
        undo=f"usage-pipeline enforcement release {action.action_id}" if closed else None,
        decide=f"usage-pipeline enforcement approve {action.action_id}" if waiting else None,
        until=action.approve_until if waiting else None,
        limits_of_action=tuple(not_stopped) if step in _WHAT_IT_DOES_NOT_STOP else (),
        as_of=now,
        timezone=settings.timezone,
    )
    key = EnforcementKey(action.action_id, action.scope_value, EPOCH, step)
    alert = enforcement_alert(key, facts, action.level, action.config_version, now)
    raise_alert(connection, alert, _recipients(connection, settings, action, step))


def _recipients(
    connection: Connection, settings: Settings, action: ActionRecord, step: EnforcementStep
) -> list[Addressee]:
    """Who is notified of the alert is notified of what was done about it; approvers and outside systems are asked.

    Recipients of other tenants than the app's are not: a budget of all tenants has the owners of all.
    """
    query = "SELECT name FROM usage.tenant WHERE source = %s AND tenant_id = %s"
    tenant = {action.tenant_id, value_or_none(connection, str, query, [action.source, action.tenant_id])}
    names: Sequence[str] = [
        name
        for name in action.recipients
        if sees_all(settings, name, action.budget_id) or tenants_of(settings, name) & tenant
    ]
    if step == EnforcementStep.WAITING:
        names = settings.approvals.notify
    elif action.action == "webhook" and step in (EnforcementStep.ASKED, EnforcementStep.NO_MORE):
        names = settings.enforcement.webhook
    return addressees(settings, names) or operators(settings)


def _name(settings: Settings, budget_id: str | None) -> str | None:
    budget = next((budget for budget in settings.budgets if budget.id == budget_id), None)
    return (budget.name if budget else None) or budget_id
