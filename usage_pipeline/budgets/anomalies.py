"""Finds usage that is far outside its own history: the last hour, day or week against the same before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from psycopg import sql

from usage_pipeline.budgets.definitions import scope_parameters
from usage_pipeline.budgets.dimension_sql import with_dimensions
from usage_pipeline.budgets.names import ScopeNames
from usage_pipeline.budgets.scope import fits_scope
from usage_pipeline.settings import Settings
from usage_pipeline.settings.anomalies import Anomaly, Window
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

_QUARTER = timedelta(minutes=15)
# Calls that are logged late still count: an hour is looked at a little after its end, a day an hour after.
_LATE: dict[Window, timedelta] = {"hour": timedelta(minutes=2), "day": timedelta(hours=1), "week": timedelta(hours=1)}
_BEFORE: dict[Window, int] = {"hour": 28, "day": 20, "week": 8}
_FEWEST: dict[Window, int] = {"hour": 14, "day": 8, "week": 4}


@dataclass(frozen=True)
class AnomalyWindow:
    """A stretch of time; ``k`` is 0 for the one that is looked at. Times aware UTC, days in the zone."""

    k: int
    starts: datetime
    ends: datetime
    first_day: date
    last_day: date


@dataclass(frozen=True, kw_only=True)
class _Found:
    value: str
    name: str
    amount: Decimal
    usual: Decimal
    spread: Decimal
    score: Decimal
    known: int


@dataclass(frozen=True, kw_only=True)
class Unusual(_Found):
    """A value whose usage is far above its usual; amounts in the rule's measure."""

    rule: Anomaly
    window: AnomalyWindow


def find_anomalies(connection: Connection, settings: Settings, version: int, now: datetime) -> list[Unusual]:
    """Looks at each rule's window once and keeps what is unusual in usage.anomaly; returns what is new.

    Runs inside the caller's transaction, which also writes the alerts. ``now`` is aware UTC.
    """
    found: list[Unusual] = []
    for rule in settings.anomalies:
        spans = windows_at(rule.window, now, settings.timezone)
        if rule.mode == "off" or not _to_look(connection, rule, spans[0]):
            continue
        for unusual in _unusual(connection, rule, spans):
            if _keep(connection, unusual, version, now):
                found.append(unusual)
    return found


@dataclass(frozen=True)
class FoundAnomaly:
    """A window that was found unusual; amounts in the measure, times aware UTC. The name is empty for the whole."""

    rule_id: str
    name: str
    window_start: datetime
    window_end: datetime
    measure: str
    amount: Decimal
    usual: Decimal
    score: Decimal


def found_lately(connection: Connection) -> list[FoundAnomaly]:
    """Returns what was found within the last day, the most unusual first."""
    return rows(connection, FoundAnomaly, statement("anomalies/found_lately"))


def windows_at(window: Window, now: datetime, zone: str) -> list[AnomalyWindow]:
    """Returns the newest whole window that can be looked at, and those that it is compared with.

    These are days like it, by weekday or weekend; the same hour of the days before; the weeks before.
    """
    moment = now - _LATE[window]
    if window == "hour":
        ends = moment - (moment - datetime.min.replace(tzinfo=UTC)) % _QUARTER
        local = ends.astimezone(ZoneInfo(zone))
        return [_hour(k, (local - timedelta(days=k)).astimezone(UTC), zone) for k in range(_BEFORE["hour"] + 1)]
    last = moment.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    if window == "week":
        weeks = [(last - timedelta(days=7 * k + 6), last - timedelta(days=7 * k)) for k in range(_BEFORE["week"] + 1)]
        return [_days(k, first, end, zone) for k, (first, end) in enumerate(weeks)]
    alike = [day for day in _days_before(last) if (day.isoweekday() > 5) == (last.isoweekday() > 5)]
    return [_days(k, day, day, zone) for k, day in enumerate([last, *alike[: _BEFORE["day"]]])]


def _days_before(last: date) -> Iterator[date]:
    yield from (last - timedelta(days=number) for number in range(1, 71))


def _hour(k: int, ends: datetime, zone: str) -> AnomalyWindow:
    day = ends.astimezone(ZoneInfo(zone)).date()
    return AnomalyWindow(k, ends - timedelta(hours=1), ends, day, day)


def _days(k: int, first: date, last: date, zone: str) -> AnomalyWindow:
    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)

    return AnomalyWindow(k, midnight(first), midnight(last + timedelta(days=1)), first, last)


def _to_look(connection: Connection, rule: Anomaly, window: AnomalyWindow) -> bool:
    """Whether the window was not looked at yet; it counts as looked at from now on."""
    parameters = {"rule_id": rule.id, "looked_until": window.ends}
    return bool(values(connection, str, statement("anomalies/look"), parameters))


def _unusual(connection: Connection, rule: Anomaly, spans: list[AnomalyWindow]) -> list[Unusual]:
    found = rows(
        connection,
        _Found,
        _query(rule.window == "hour"),
        {
            "spans": json.dumps([vars(span) for span in spans], default=str),
            "measure": rule.measure,
            "per": rule.per or "",
            **scope_parameters(ScopeNames(), rule.scope.values(), rule.scope.excluded()),
            "least": rule.at_least,
            "fewest": _FEWEST[rule.window],
            "score": rule.score,
        },
    )
    return [Unusual(rule=rule, window=spans[0], **vars(one)) for one in found]


def _keep(connection: Connection, found: Unusual, version: int, now: datetime) -> bool:
    """Whether it is new."""
    parameters = {
        "rule_id": found.rule.id,
        "value": found.value,
        "window_start": found.window.starts,
        "window_end": found.window.ends,
        "name": found.name,
        "measure": found.rule.measure,
        "amount": found.amount,
        "usual": found.usual,
        "spread": found.spread,
        "score": found.score,
        "known": found.known,
        "now": now,
        "config_version": version,
    }
    return bool(values(connection, str, statement("anomalies/keep"), parameters))


@cache
def _query(by_event: bool) -> sql.SQL:
    rows = with_dimensions("anomalies/rows_of_events" if by_event else "anomalies/rows_of_days")
    return sql.SQL(with_dimensions("anomalies/find").replace(":rows", rows).replace(":fits_scope", fits_scope()))
