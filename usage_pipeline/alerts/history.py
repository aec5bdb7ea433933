"""What is on record about alerts: the newest, one with its attempts, and all that happened in a span of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value_or_none
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class ListedAlert:
    """An alert in a list: how many deliveries were accepted, wait, or failed, and who took it; times aware UTC."""

    alert: str
    raised: datetime
    level: str
    kind: str
    about: str
    scope: str | None
    tier: str
    delivered: int
    waiting: int
    failed: int
    taken_by: str | None


@dataclass(frozen=True)
class _BudgetLevel:
    budget: str
    level: str


@dataclass(frozen=True)
class RecordedAlert:
    """An alert as it was raised, and who took it since; times aware UTC."""

    alert_id: str
    kind: str
    budget_id: str
    scope_value: str
    level: str
    tier: str
    created_at: datetime
    facts: Mapping[str, object]
    taken_by: str | None = None
    taken_at: datetime | None = None
    taken_note: str | None = None
    taken_known_by: str | None = None


@dataclass(frozen=True)
class Attempt:
    """An attempt to deliver an alert, with the channel's own answer; a delivery that had none yet has no number."""

    recipient: str
    channel: str
    attempt: int | None
    started: datetime | None
    outcome: str
    status: int | None
    answer: str | None
    by: str | None


def budgets_of_alerts(connection: Connection, alert_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the budgets that alerts are about, each with its level; alerts of other kinds are left out."""
    query = (
        "SELECT DISTINCT budget_id AS budget, level FROM usage.alert WHERE kind = 'budget' AND alert_id = ANY (%s)"
        " ORDER BY 1, 2"
    )
    return [(found.budget, found.level) for found in rows(connection, _BudgetLevel, query, [list(alert_ids)])]


def newest_alerts(connection: Connection, limit: int) -> list[ListedAlert]:
    """Returns up to ``limit`` alerts, the newest first."""
    return rows(connection, ListedAlert, statement("reports/alerts"), {"limit": limit})


def recorded_alert(connection: Connection, alert_id: str) -> RecordedAlert | None:
    """Returns the alert; None when there is none of that id."""
    return row(connection, RecordedAlert, statement("reports/alert"), {"alert_id": alert_id})


def attempts_of(connection: Connection, alert_id: str) -> list[Attempt]:
    """Returns each attempt to deliver the alert, by recipient, the first one first."""
    return rows(connection, Attempt, statement("reports/attempts_of_alert"), {"alert_id": alert_id})


def acknowledged_by(connection: Connection, alert_id: str) -> str | None:
    """Returns who acknowledged the alert; None when nobody has."""
    query = "SELECT by_whom FROM usage.acknowledgement WHERE alert_id = %s"
    return value_or_none(connection, str, query, [alert_id])


def history(
    connection: Connection, begin: datetime, end: datetime
) -> tuple[Sequence[str], Iterator[tuple[object, ...]]]:
    """Returns the names of the columns and, one after the other, all that happened from ``begin`` up to ``end``."""
    cursor = connection.execute(statement("reports/alert_history"), {"from": begin, "to": end})
    return [column.name for column in cursor.description or ()], iter(cursor)
