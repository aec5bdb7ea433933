"""Every action by its name: one line an action.

To add one: a file beside this one with an ActionKind, its name in settings/enforcement.py (ActionName, and AT_DIFY when
it acts at the console) together with whatever it is configured by, and a line here.
"""

from collections.abc import Mapping

from usage_pipeline.enforcement.base import ActionKind, EnforcementAction
from usage_pipeline.enforcement.lock import LOCK
from usage_pipeline.enforcement.pause_app import PAUSE_APP
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.enforcement.switch_model import SWITCH_MODEL
from usage_pipeline.enforcement.throttle import THROTTLE
from usage_pipeline.enforcement.webhook_action import WEBHOOK
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

KINDS: Mapping[str, ActionKind] = {
    kind.name: kind
    for kind in (
        PAUSE_APP,
        LOCK,
        SWITCH_MODEL,
        THROTTLE,
        WEBHOOK,
    )
}


def configured_action(connection: Connection, settings: Settings, record: ActionRecord) -> EnforcementAction:
    """Returns what carries a record out at Dify, as it is configured now. Raises LookupError for one that does not."""
    configured = KINDS[record.action].configured
    if configured is None:
        raise LookupError(f"{record.action} is not carried out at Dify")
    return configured(connection, settings, record)
