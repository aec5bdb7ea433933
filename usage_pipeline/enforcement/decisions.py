"""What people decide about actions: approve, reject, release."""

from datetime import datetime

from usage_pipeline.enforcement.notify import notify
from usage_pipeline.enforcement.settle import want_release
from usage_pipeline.enforcement.state import ActionRecord, ActionState, change, locked, record_step
from usage_pipeline.inputs import InputError
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection


class DecisionRefusedError(InputError):
    """A decision that cannot be taken; the text says why and what would be."""


def decide_action(
    connection: Connection,
    settings: Settings,
    action_id: str,
    *,
    approve: bool,
    by: str,
    comment: str,
    now: datetime,
    known_by: KnownBy | None = None,
) -> ActionRecord:
    """Approves or rejects an action that waits. Raises NoSuchActionError, DecisionRefusedError.

    An approved action is carried out by the next run of enforcement. Of two who decide at once, the first counts.
    """
    refusal = settings.approvals.refusal(by, known_by)
    if refusal:
        raise DecisionRefusedError(refusal)
    with connection.transaction():
        action = locked(connection, action_id)
        if action.state != ActionState.PLANNED or action.release_at is not None:
            raise DecisionRefusedError(f"{action_id} does not wait for an approval: it is {action.state}")
        if action.approve_until and action.approve_until <= now:
            raise DecisionRefusedError(f"{action_id} had to be approved until {action.approve_until.isoformat()}")
        state = "approved" if approve else "rejected"
        changed = change(connection, action, state=state, decided_at=now, decided_by=by, next_attempt_at=now)
        record_step(connection, action_id, now, state, detail=comment, by=by, known_by=known_by)
        if not approve:
            notify(
                connection, settings, changed, "rejected", now, detail=" ".join(part for part in (by, comment) if part)
            )
    return changed


def release_action(
    connection: Connection, action_id: str, *, by: str, why: str, now: datetime, known_by: KnownBy | None = None
) -> ActionRecord:
    """Makes an action due to be undone, whatever its budget says. Raises NoSuchActionError, DecisionRefusedError.

    It is not taken again before the next tier or period.
    """
    with connection.transaction():
        action = locked(connection, action_id)
        if action.released_at is not None or (action.release_at is not None and action.held is None):
            raise DecisionRefusedError(f"{action_id} is {action.state} already: there is nothing to undo")
        if action.held is None and action.state not in (ActionState.PLANNED, ActionState.APPROVED):
            raise DecisionRefusedError(f"{action_id} is {action.state}: it has changed nothing at Dify")
        if action.release_at is not None:
            return change(connection, action, next_attempt_at=now)
        return want_release(connection, action, why or f"by {by}", now, by=by, known_by=known_by)
