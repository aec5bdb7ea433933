"""What people say of alerts: a silence keeps some from being sent, an acknowledgement says that one was seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString

from usage_pipeline.alerts.kinds.registry import of_budgets
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value, value_or_none, values
from usage_pipeline.warehouse.statements import like_pattern, statement


@dataclass(frozen=True)
class Silence:
    """What is not to be sent, by globs on budget id and scope; until when, why and by whom."""

    budget: str
    until: datetime
    reason: str
    by: str
    scope: str | None = None
    below: Literal["warning", "critical", "emergency"] = "emergency"
    emergencies: bool = False
    known_by: KnownBy | None = None


@dataclass(frozen=True)
class RecordedSilence:
    """A silence as it stands; times aware UTC."""

    silence_id: int
    budget: str
    scope: str | None
    below: str
    emergencies: bool
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str
    ended_by: str | None


@dataclass(frozen=True)
class _Covered:
    silence_id: int
    budget: str
    scope: str | None


def make_silence(connection: Connection, silence: Silence, now: datetime) -> int:
    """Writes the silence, which holds from ``now`` on; returns its number. Raises ValueError for one that is over."""
    if silence.until <= now:
        raise ValueError("it would be over before it begins")
    return value(connection, int, statement("followups/make_silence"), {**vars(silence), "now": now})


def end_silence(
    connection: Connection, silence_id: int, by: str, now: datetime, *, known_by: KnownBy | None = None
) -> bool:
    """Ends a silence before its time; False when none holds by that number."""
    parameters = {"silence_id": silence_id, "by": by, "known_by": known_by, "now": now}
    return value_or_none(connection, int, statement("followups/end_silence"), parameters) is not None


def silences(connection: Connection, *, every: bool) -> list[RecordedSilence]:
    """Returns the silences that hold or will, with ``every`` those that are over, too; the first to end first."""
    return rows(connection, RecordedSilence, statement("reports/silences"), {"every": every})


def apply_silences(connection: Connection, now: datetime) -> None:
    """Marks what the silences of ``now`` (aware UTC) cover and nobody was sent yet as silenced. Safe to run twice."""
    parameters = {"now": now, "of_budgets": of_budgets(), **_holding(connection, now)}
    connection.execute(_of_silences("followups/silence"), parameters)


def silence_of(
    connection: Connection, budget_id: str, scope_value: str, scope_name: str, now: datetime
) -> RecordedSilence | None:
    """Returns the silence of ``now`` (aware UTC) that holds longest for a budget's value, whatever the level."""
    value_of = {"budget_id": budget_id, "scope_value": scope_value, "scope_name": scope_name}
    found = values(connection, int, _of_silences("followups/silences_of"), {**value_of, **_holding(connection, now)})
    holding = [silence for silence in silences(connection, every=False) if silence.silence_id in found]
    return max(holding, key=lambda silence: silence.ends_at, default=None)


def _of_silences(name: LiteralString) -> LiteralString:
    return statement(name).replace(":fits", statement("followups/fits_silence"))


def _holding(connection: Connection, now: datetime) -> dict[str, object]:
    holding = rows(connection, _Covered, statement("followups/silences"), {"now": now})
    return {
        "silences": [silence.silence_id for silence in holding],
        "budgets": [like_pattern(silence.budget) for silence in holding],
        "scopes": [None if silence.scope is None else like_pattern(silence.scope) for silence in holding],
    }


def acknowledge(
    connection: Connection,
    alert_id: str,
    by: str,
    note: str | None,
    now: datetime,
    *,
    known_by: KnownBy | None = None,
) -> bool:
    """Writes who has seen the alert; False when somebody had before. Raises InputError when there is no such alert.

    What it stood for in front of people, the lower tiers and the rest of its message, is acknowledged with it. An
    acknowledged alert is neither repeated nor escalated.
    """
    if value_or_none(connection, int, "SELECT 1 FROM usage.alert WHERE alert_id = %s", [alert_id]) is None:
        raise InputError(f"there is no alert {alert_id!r}; `usage-pipeline alerts list` shows them")
    parameters = {"now": now, "by": by, "known_by": known_by, "note": note}
    with connection.transaction():
        about = {"alert_id": alert_id, "of_budgets": of_budgets()}
        others = values(connection, str, statement("followups/grouped_with"), about)
        written = [_acknowledged(connection, each, parameters) for each in (alert_id, *others)]
    return written[0]


def unacknowledged(connection: Connection, budget_id: str) -> list[str]:
    """Returns the ids of a budget's alerts that nobody has acknowledged, the newest first."""
    parameters = {"budget_id": budget_id, "of_budgets": of_budgets()}
    return values(connection, str, statement("followups/unacknowledged"), parameters)


def _acknowledged(connection: Connection, alert_id: str, parameters: Mapping[str, object]) -> bool:
    written = value_or_none(connection, str, statement("followups/acknowledge"), {**parameters, "alert_id": alert_id})
    return written is not None
