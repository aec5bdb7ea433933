"""Decides before each round what is not sent, or not yet, and what is sent besides: set by set, in the warehouse."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from usage_pipeline.alerts.kinds.registry import of_budgets, only_notes
from usage_pipeline.alerts.quiet_hours import hold
from usage_pipeline.alerts.recipients import Addressee, addressees
from usage_pipeline.alerts.silences import apply_silences
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import Lock, lock_until_commit
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

# Where several people read: they hear who takes an alert.
_GROUPS = ("wecom", "dingtalk", "feishu", "lark", "slack", "teams")


def plan(connection: Connection, settings: Settings, now: datetime) -> None:
    """Applies every rule to the outbox as of ``now`` (aware UTC). Safe to run twice and at once.

    What is sent besides comes first, so that silences and quiet hours hold for it too.
    """
    with connection.transaction():
        lock_until_commit(connection, Lock.PLAN)
        _follow_up(connection, settings, now)
        _fall_back(connection, settings, now)
        apply_silences(connection, now)
        connection.execute(statement("followups/inhibit"), {"now": now, "of_budgets": of_budgets()})
        hold(connection, settings, now)


def _follow_up(connection: Connection, settings: Settings, now: datetime) -> None:
    alerting, notes = settings.alerting, Jsonb(only_notes())
    connection.execute(statement("followups/resolve"), {"now": now, "of_budgets": of_budgets()})
    connection.execute(statement("followups/notify_resolved"), {"now": now, "level": alerting.resolved_from})
    connection.execute(statement("followups/notify_acknowledged"), {"now": now, "groups": list(_GROUPS)})
    connection.execute(
        statement("followups/repeat"),
        {
            "now": now,
            "after": timedelta(hours=alerting.repeat_after_hours),
            "limit": alerting.repeat_most,
            "only_notes": notes,
        },
    )
    for step, name in enumerate(alerting.escalate_to, 1):
        if name in settings.recipients:
            connection.execute(
                statement("followups/escalate"),
                {
                    "now": now,
                    "after": step * timedelta(minutes=alerting.escalate_after_minutes),
                    "step": str(step),
                    "only_notes": notes,
                    "recipient": name,
                    "channel": settings.recipients[name].channel,
                },
            )


@dataclass(frozen=True)
class _Unheard:
    """An emergency that reached nobody: its own fallback, whom it was sent to, and which delivery is stood in for."""

    alert_id: str
    fallback: object
    tried: list[str]
    instead_of: str


def _fall_back(connection: Connection, settings: Settings, now: datetime) -> None:
    parameters = {
        "now": now,
        "after": timedelta(minutes=settings.alerting.fallback_after_minutes),
        "only_notes": Jsonb(only_notes()),
    }
    for unheard in rows(connection, _Unheard, statement("followups/unheard"), parameters):
        own = unheard.fallback if isinstance(unheard.fallback, list) else []
        for name, channel in _stand_ins(settings, [str(each) for each in own]):
            if name not in unheard.tried:
                connection.execute(
                    statement("followups/fall_back"),
                    {
                        "now": now,
                        "alert_id": unheard.alert_id,
                        "recipient": name,
                        "channel": channel,
                        "instead_of": unheard.instead_of,
                    },
                )


def _stand_ins(settings: Settings, own: list[str]) -> list[Addressee]:
    """The fallback of the tier, else of the configuration, else every phone."""
    phones = [name for name, recipient in settings.recipients.items() if recipient.channel == "sms"]
    ways = (addressees(settings, names) for names in (own, settings.alerting.fallback, phones))
    return next((way for way in ways if way), [])
