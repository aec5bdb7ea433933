"""Writes an alert and its deliveries, once ever."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.types.json import Json

from usage_pipeline.alerts.kinds.base import F, NewAlert
from usage_pipeline.alerts.recipients import Addressee
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement


def raise_alert(connection: Connection, alert: NewAlert[F], recipients: Sequence[Addressee]) -> bool:
    """Writes the alert with a pending delivery to each recipient; False when it was there already.

    Runs inside the caller's transaction, so that the alert stands exactly if what it says stands.
    """
    identity = alert.key.identity()
    parameters = {
        "alert_id": alert.alert_id,
        "kind": alert.kind.name,
        "budget_id": identity.about,
        "scope_value": identity.scope_value,
        "period_start": identity.period_start,
        "period_end": alert.period_end,
        "tier": identity.tier,
        "level": alert.level,
        "facts": Json(stored_facts(alert, recipients)),
        "config_version": alert.config_version,
        "tier_on": identity.tier_on,
        "round": identity.round,
        "at": alert.at,
    }
    if value_or_none(connection, str, statement("alerts/raise_alert"), parameters) is None:
        return False
    add_recipients(connection, alert.alert_id, recipients, alert.at)
    return True


def add_recipients(
    connection: Connection, alert_id: str, recipients: Sequence[Addressee], at: datetime | None = None
) -> None:
    """Writes a pending delivery to each recipient that has none of the alert, due since ``at`` (aware), else now."""
    for name, channel in recipients:
        parameters = {"alert_id": alert_id, "recipient": name, "channel": channel, "at": at}
        connection.execute(statement("alerts/add_delivery"), parameters)


def stored_facts(alert: NewAlert[F], recipients: Sequence[Addressee]) -> dict[str, object]:
    """Returns the facts as they stand in usage.alert, with the level and, where they name nobody, who is notified."""
    names = list(alert.facts.recipients) or [name for name, _ in recipients]
    return {**alert.facts.stored(), "level": alert.level, "recipients": names}
