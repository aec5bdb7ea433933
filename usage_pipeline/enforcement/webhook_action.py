"""Action `webhook`: asks an outside system through the outbox, signed, and notifies it when there is no more need."""

from datetime import datetime

from usage_pipeline.enforcement.base import ActionKind
from usage_pipeline.enforcement.notify import notify
from usage_pipeline.enforcement.state import ActionRecord, ActionState, change, due_actions, record_step
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement

_OURS = ""  # webhooks belong to no source


def carry_out_webhooks(connection: Connection, settings: Settings, now: datetime, *, by: str) -> None:
    """Writes what is due into the outbox, and records what became of it there."""
    for action in due_actions(connection, _OURS, now, now):
        with connection.transaction():
            if action.release_at is not None:
                _step(connection, settings, action, "no_more", now, by, state=ActionState.RELEASED, released_at=now)
            elif action.state == ActionState.APPROVED:
                _step(
                    connection,
                    settings,
                    action,
                    "asked",
                    now,
                    by,
                    state=ActionState.APPLIED,
                    applied_at=now,
                    began_at=now,
                    before={"asked": False},
                    held={"asked": True},
                    looked_at=now,
                )
            else:
                _record_delivery(connection, action, now, by)


def _step(
    connection: Connection,
    settings: Settings,
    action: ActionRecord,
    what: str,
    now: datetime,
    by: str,
    **values: object,
) -> None:
    changed = change(connection, action, **values)
    record_step(connection, action.action_id, now, what, run_id=by)
    notify(connection, settings, changed, what, now)


def _record_delivery(connection: Connection, action: ActionRecord, now: datetime, by: str) -> None:
    query, parameters = statement("enforcement/webhook_outcome"), {"action_id": action.action_id}
    outcome = value_or_none(connection, str, query, parameters)
    state = {"delivered": ActionState.VERIFIED, "failed": ActionState.FAILED}.get(outcome or "")
    if state and state != action.state:
        change(
            connection, action, state=state, verified_at=now if state == ActionState.VERIFIED else None, looked_at=now
        )
        record_step(connection, action.action_id, now, state, detail="as the outbox says", run_id=by)
    else:
        change(connection, action, looked_at=now)


def _named(settings: Settings) -> str:
    return ", ".join(settings.enforcement.webhook)


WEBHOOK = ActionKind("webhook", outside=_named)
