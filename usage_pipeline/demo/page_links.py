"""The links that the demo's people have: its red alert as its owner opens it, the request as the approver does."""

from dataclasses import dataclass

from usage_pipeline.links import Deed, link
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row

_OWNER, _APPROVER = "marketing-owner", "ops-group"
_NEWEST = (
    "SELECT a.alert_id FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
    " WHERE a.kind = %s AND d.recipient = %s ORDER BY a.level = 'emergency' DESC, a.created_at DESC LIMIT 1"
)


@dataclass(frozen=True)
class _Found:
    alert_id: str


def page_links(connection: Connection, settings: Settings) -> dict[str, str]:
    """Returns links by what they are; none where the configuration has no web page."""
    wanted = (
        ("the red alert, as the agent's owner has it", "budget", _OWNER, Deed.REQUEST),
        ("the request for more, as the approver has it", "override", _APPROVER, Deed.APPROVE),
    )
    found = {}
    for name, kind, recipient, deed in wanted:
        alert = row(connection, _Found, _NEWEST, [kind, recipient])
        address = (
            link(settings, recipient, alert.alert_id, deed) if alert and recipient in settings.recipients else None
        )
        if address:
            found[name] = address
    return found
