"""Silences: for a time, alerts of some budgets are written but not sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from usage_pipeline.warehouse.connection import Connection


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


def make_silence(connection: Connection, silence: Silence, now: datetime) -> int:
    """Writes the silence, in force from ``now`` on; returns its number. Raises ValueError for one that is over."""
    if silence.until <= now:
        raise ValueError("it would be over before it begins")
    row = connection.execute(
        "INSERT INTO usage.silence (budget, scope, below, emergencies, starts_at, ends_at, reason, made_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING silence_id",
        [
            silence.budget,
            silence.scope,
            silence.below,
            silence.emergencies,
            now,
            silence.until,
            silence.reason,
            silence.by,
        ],
    ).fetchone()
    if row is None:  # pragma: no cover  (RETURNING always gives the row)
        raise RuntimeError("the silence could not be written")
    return int(str(row[0]))


def end_silence(connection: Connection, silence_id: int, by: str, now: datetime) -> bool:
    """Ends a silence before its time; False when there is none in force by that number."""
    row = connection.execute(
        "UPDATE usage.silence SET ends_at = greatest(%s, starts_at), ended_by = %s"
        " WHERE silence_id = %s AND ends_at > %s RETURNING silence_id",
        [now, by, silence_id, now],
    ).fetchone()
    return row is not None
