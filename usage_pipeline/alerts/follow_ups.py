"""Decides before each round what is not sent, or not yet, and what is sent besides: set by set, in the warehouse."""

from datetime import datetime, timedelta

from usage_pipeline.alerts.quiet_hours import hold
from usage_pipeline.alerts.silences import apply_silences
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


def plan(connection: Connection, settings: Settings, now: datetime) -> None:
    """Applies every rule to the outbox as of ``now`` (aware UTC). Safe to run twice and at once.

    What is sent besides comes first, so that silences and quiet hours hold for it too.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('usage.plan', 3))")
        _follow_up(connection, settings, now)
        _fall_back(connection, settings, now)
        apply_silences(connection, now)
        connection.execute(statement("followups/inhibit"), {"now": now})
        hold(connection, settings, now)


def _follow_up(connection: Connection, settings: Settings, now: datetime) -> None:
    alerting = settings.alerting
    connection.execute(statement("followups/resolve"), {"now": now})
    connection.execute(statement("followups/tell_resolved"), {"now": now, "level": alerting.resolved_from})
    connection.execute(statement("followups/tell_acknowledged"), {"now": now})
    connection.execute(
        statement("followups/repeat"),
        {"now": now, "after": timedelta(hours=alerting.repeat_after_hours), "most": alerting.repeat_most},
    )
    for step, name in enumerate(alerting.escalate_to, 1):
        if name in settings.recipients:
            connection.execute(
                statement("followups/escalate"),
                {
                    "now": now,
                    "after": step * timedelta(minutes=alerting.escalate_after_minutes),
                    "step": str(step),
                    "recipient": name,
                    "channel": settings.recipients[name].channel,
                },
            )


def _fall_back(connection: Connection, settings: Settings, now: datetime) -> None:
    after = timedelta(minutes=settings.alerting.fallback_after_minutes)
    rows = connection.execute(statement("followups/unheard"), {"now": now, "after": after}).fetchall()
    for alert_id, listed, tried, instead_of in rows:
        told = {str(name) for name in tried} if isinstance(tried, list) else set()
        own = [str(name) for name in listed] if isinstance(listed, list) else []
        for name in _stand_ins(settings, own):
            if name not in told:
                connection.execute(
                    statement("followups/fall_back"),
                    {
                        "now": now,
                        "alert_id": alert_id,
                        "recipient": name,
                        "channel": settings.recipients[name].channel,
                        "instead_of": instead_of,
                    },
                )


def _stand_ins(settings: Settings, own: list[str]) -> list[str]:
    """The fallback of the tier, else of the configuration, else every phone."""
    for names in (own, list(settings.alerting.fallback)):
        known = [name for name in names if name in settings.recipients]
        if known:
            return known
    return [name for name, recipient in settings.recipients.items() if recipient.channel == "sms"]
