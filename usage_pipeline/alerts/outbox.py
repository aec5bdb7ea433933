"""Writes an alert and its deliveries, once ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Json

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.short_id import short_id
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class NewAlert:
    """Something that people must be told; the first six fields tell it from every other alert."""

    kind: str  # budget, configuration, delivery, source, test
    budget_id: str
    scope_value: str
    period_start: datetime
    period_end: datetime | None
    tier: str  # per cent as decimal text
    level: str
    facts: Mapping[str, object]
    config_version: int | None = None
    tier_on: str = "spent"  # or forecast
    round: int = 0  # grows each time that a raised limit is reached again in the same period
    at: datetime | None = None  # when it became true; left out: now

    @property
    def alert_id(self) -> str:
        """Short and always the same for the same alert, so that writing it twice is writing it once."""
        key = "|".join(
            [self.kind, self.budget_id, self.scope_value, self.period_start.isoformat(), f"{float(self.tier):g}"]
        )
        key += "|forecast" if self.tier_on == "forecast" else ""
        key += f"|{self.round}" if self.round else ""
        return self.kind[0].upper() + short_id(key, 10)


def raise_alert(
    connection: Connection,
    alert: NewAlert,
    recipients: Sequence[tuple[str, str]],
) -> bool:
    """Writes the alert with a pending delivery to each recipient (name, channel); False when it was there already.

    Runs inside the caller's transaction, so that the alert stands exactly if what it says stands.
    """
    written = connection.execute(
        statement("alerts/raise_alert"),
        {
            "alert_id": alert.alert_id,
            "kind": alert.kind,
            "budget_id": alert.budget_id,
            "scope_value": alert.scope_value,
            "period_start": alert.period_start,
            "period_end": alert.period_end,
            "tier": alert.tier,
            "level": alert.level,
            "facts": Json(dict(alert.facts)),
            "config_version": alert.config_version,
            "tier_on": alert.tier_on,
            "round": alert.round,
            "at": alert.at,
        },
    ).fetchone()
    if written is None:
        return False
    for name, channel in recipients:
        connection.execute(
            statement("alerts/add_delivery"),
            {
                "alert_id": alert.alert_id,
                "recipient": name,
                "channel": channel,
                "at": alert.at,
            },
        )
    return True
