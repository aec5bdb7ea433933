"""What is looked at every few seconds: alerts and actions that are due, and older days whose events changed."""

import hashlib
from datetime import UTC, datetime, timedelta

import dagster as dg

from usage_pipeline.defs.jobs import deliver_alerts, enforce_actions, late_days
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.defs.schedules import range_tags
from usage_pipeline.defs.shared import LATE_DAYS, WORK_TAG, settings_at_load
from usage_pipeline.warehouse.statements import statement

# One may wait for a channel that hangs while the other goes on; more would only start and find nothing.
_WORKERS = 2


@dg.sensor(
    job=deliver_alerts,
    minimum_interval_seconds=settings_at_load().delivery.every_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for one run of the delivery job a batch of alerts that are due.",
)
def alerts_due(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """Reads the outbox only. The run key is made of what is due, its attempts and the minute: evaluated twice, it asks
    once; a run that came to nothing is asked for again a minute later.
    """
    now = datetime.now(UTC)
    with warehouse.connection() as connection:
        rows = connection.execute(statement("alerts/due_keys"), {"now": now}).fetchall()
    if not rows:
        return dg.SkipReason("nothing is due")
    if int(str(rows[0][1])) >= _WORKERS:
        return dg.SkipReason(f"{_WORKERS} runs are delivering")
    key = "\n".join([f"{now:%Y-%m-%dT%H:%M}", *(str(key) for key, _ in rows)])
    batch = hashlib.sha256(key.encode()).hexdigest()[:24]
    return dg.RunRequest(run_key=f"deliver-{batch}")


@dg.sensor(
    job=late_days,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run that rolls up older days whose events changed.",
)
def days_changed_late(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """The pass rolls up yesterday, today and tomorrow; every other changed day is rolled up here, once a change."""
    settings = settings_at_load()
    yesterday = settings.today() - timedelta(days=1)
    with warehouse.connection() as connection:
        rows = connection.execute(
            statement("usage/late_days"), {"from": settings.usage_from, "before": yesterday}
        ).fetchall()
    if not rows:
        return dg.SkipReason("no older day has changed")
    days = sorted({str(day) for day, _, _ in rows})
    changes = hashlib.sha256(str(rows).encode()).hexdigest()[:24]
    return dg.RunRequest(run_key=f"late-{changes}", tags={WORK_TAG: LATE_DAYS, **range_tags(days[0], days[-1])})


@dg.sensor(
    job=enforce_actions,
    minimum_interval_seconds=settings_at_load().delivery.every_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run of enforcement when something was reached, approved or is over, or is to be looked at.",
)
def actions_due(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """Reads rows only. The run key is made of what is due and the minute, as that of alerts."""
    now = datetime.now(UTC)
    look_every = timedelta(minutes=settings_at_load().enforcement.look_every_minutes)
    with warehouse.connection() as connection:
        rows = connection.execute(
            statement("enforcement/anything_due"), {"now": now, "look_before": now - look_every}
        ).fetchall()
    if not rows:
        return dg.SkipReason("nothing is due")
    key = "\n".join([f"{now:%Y-%m-%dT%H:%M}", *(str(key) for (key,) in rows)])
    return dg.RunRequest(run_key=f"enforce-{hashlib.sha256(key.encode()).hexdigest()[:24]}")


SENSORS = [alerts_due, days_changed_late, actions_due]
