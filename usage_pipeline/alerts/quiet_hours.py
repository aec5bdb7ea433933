"""Holds until the quiet hours end what is no emergency: by the hours of recipients and of tiers, in one statement."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfoNotFoundError

from psycopg.types.json import Jsonb

from usage_pipeline.alerts.kinds.registry import kinds_that, of_budgets
from usage_pipeline.settings import Settings
from usage_pipeline.settings.quiet_hours import QuietHours
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_HELD_BY_A_TIER = ("info", "warning", "critical")


@dataclass(frozen=True)
class _Rule:
    """What waits until when: alerts of these levels to these recipients (none: all), or of one tier of a budget."""

    until: str
    levels: Sequence[str]
    recipients: Sequence[str] = ()
    budget_id: str | None = None
    tier: str | None = None
    tier_on: str | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class _Waiting:
    """A tier of which something is not sent yet, and the zone of its period."""

    budget_id: str
    tier: Decimal
    tier_on: Literal["spent", "forecast"]
    timezone: str


def hold(connection: Connection, settings: Settings, now: datetime, alerts: Sequence[str] | None = None) -> None:
    """Holds what is not sent yet, of all alerts or of those with these ids, as of ``now`` (aware UTC).

    A delivery under several rules waits for the last end. An emergency, a test or an acknowledgement never waits.
    Safe to run twice.
    """
    rules = [*_of_recipients(settings, now), *_of_tiers(connection, settings, now)]
    if rules:
        parameters = {
            "rules": Jsonb([asdict(rule) for rule in rules]),
            "alerts": alerts,
            "at_once": kinds_that(lambda kind: not kind.waits_in_quiet_hours),
            "of_budgets": of_budgets(),
        }
        connection.execute(statement("followups/hold"), parameters)


def _of_recipients(settings: Settings, now: datetime) -> Iterator[_Rule]:
    for hours in settings.alerting.quiet_hours:
        until = hours.end_after(now, hours.timezone or settings.timezone)
        if until is not None:
            yield _Rule(until.isoformat(), hours.levels, hours.recipients)


def _of_tiers(connection: Connection, settings: Settings, now: datetime) -> Iterator[_Rule]:
    quiet = {
        (budget.id, tier.at, tier.on): tier.quiet
        for budget in settings.budgets
        for tier in settings.tiers_of(budget)
        if tier.quiet
    }
    if not quiet:
        return
    parameters = {"budgets": sorted({budget_id for budget_id, _, _ in quiet}), "of_budgets": of_budgets()}
    for waiting in rows(connection, _Waiting, statement("followups/waiting_tiers"), parameters):
        hours = quiet.get((waiting.budget_id, waiting.tier, waiting.tier_on))
        until = _end(hours, now, waiting.timezone, settings.timezone) if hours else None
        if until is not None:
            tier = (waiting.budget_id, str(waiting.tier), waiting.tier_on, waiting.timezone)
            yield _Rule(until.isoformat(), _HELD_BY_A_TIER, (), *tier)


def _end(hours: QuietHours, now: datetime, zone: str, otherwise: str) -> datetime | None:
    try:
        return hours.end_after(now, zone)
    except (ZoneInfoNotFoundError, ValueError):
        return hours.end_after(now, otherwise)
