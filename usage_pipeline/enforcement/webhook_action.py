"""Action `webhook`: asks an outside system through the outbox, signed, and tells it when there is no more need."""

from datetime import datetime

from usage_pipeline.enforcement.notify import tell
from usage_pipeline.enforcement.state import ActionRecord, change, due_actions, record_step
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

_OURS = ""  # webhooks belong to no source


def carry_out_webhooks(connection: Connection, settings: Settings, now: datetime, *, by: str) -> None:
    """Writes what is due into the outbox, and notes what became of it there."""
    for action in due_actions(connection, _OURS, now, now):
        with connection.transaction():
            if action.release_at is not None:
                _step(connection, settings, action, "no_more", now, by, state="released", released_at=now)
            elif action.state == "approved":
                _step(connection, settings, action, "asked", now, by, state="applied", applied_at=now, began_at=now,
                      before={"asked": False}, held={"asked": True}, looked_at=now)  # fmt: skip
            else:
                _note_delivery(connection, action, now, by)


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
    tell(connection, settings, changed, what, now)


def _note_delivery(connection: Connection, action: ActionRecord, now: datetime, by: str) -> None:
    row = connection.execute(
        "SELECT min(d.state) FILTER (WHERE d.state = 'delivered'), min(d.state), bool_and(d.state = 'failed')"
        " FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
        " WHERE a.kind = 'enforcement' AND a.budget_id = %s AND a.facts ->> 'what' = 'asked'",
        [action.action_id],
    ).fetchone()
    delivered, any_state, all_failed = row or (None, None, None)
    state = "verified" if delivered else "failed" if any_state and all_failed else None
    if state and state != action.state:
        change(connection, action, state=state, verified_at=now if delivered else None, looked_at=now)
        record_step(connection, action.action_id, now, state, detail="as the outbox says", run_id=by)
    else:
        change(connection, action, looked_at=now)
