"""Takes what is due from the outbox, sends it outside any transaction, and records what the channel answered."""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from usage_pipeline.alerts.record import NewAlert, raise_alert
from usage_pipeline.delivery.channel import Message, Outcome, shortened
from usage_pipeline.delivery.registry import CHANNELS
from usage_pipeline.settings import Recipient, Settings
from usage_pipeline.settings.environment import MissingSecretError, redact
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

LEASE = timedelta(seconds=60)
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 900.0
_MOST_ATTEMPTS = 12
_A_BATCH = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Clock = Callable[[], datetime]
Send = Callable[[Message, Recipient], Outcome]


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours until its lease ends."""

    delivery_id: str
    attempt: int
    alert_id: str
    recipient: str
    channel: str
    kind: str
    level: str
    facts: Mapping[str, object]


@dataclass
class DeliverySummary:
    """What a round of delivery did."""

    delivered: int = 0
    retried: int = 0
    failed: int = 0
    answers: list[tuple[str, str, str, str]] = field(default_factory=list)  # delivery, recipient, outcome, answer


def utc_now() -> datetime:
    """The time; tests bring their own clock."""
    return datetime.now(UTC)


def due(connection: Connection, now: datetime) -> int:
    """How many deliveries could be sent now."""
    return len(connection.execute(statement("alerts/due_keys"), {"now": now}).fetchall())


def claim(
    connection: Connection, by: str, now: datetime, limit: int = _A_BATCH, lease: timedelta = LEASE
) -> list[Claimed]:
    """Leases due deliveries to us, emergencies first, each with its attempt on record before anything is sent.

    Two claims at once never get the same delivery. A lease that ran out is taken over, its attempt marked unknown.
    """
    with connection.transaction():
        cursor = connection.execute(
            statement("delivery/claim"), {"now": now, "by": by, "limit": limit, "until": now + lease}
        )
        rows = cursor.fetchall()
        claimed = [_claimed(row) for row in rows]
        for item in claimed:
            connection.execute(
                statement("delivery/begin_attempt"),
                {
                    "delivery_id": item.delivery_id,
                    "attempt": item.attempt,
                    "alert_id": item.alert_id,
                    "recipient": item.recipient,
                    "channel": item.channel,
                    "now": now,
                    "by": by,
                },
            )
    return claimed


def _claimed(row: tuple[object, ...]) -> Claimed:
    delivery_id, attempt, alert_id, recipient, channel, kind, level, facts = row
    if not isinstance(facts, dict):
        raise TypeError("usage.alert.facts is not an object")
    return Claimed(
        str(delivery_id), int(str(attempt)), str(alert_id), str(recipient), str(channel), str(kind), str(level), facts
    )


def record(connection: Connection, claimed: Claimed, outcome: Outcome, now: datetime) -> str:
    """Writes what the channel answered; gives the delivery's state. What fails for good is itself alerted."""
    exhausted = claimed.attempt >= _MOST_ATTEMPTS
    state = {"accepted": "delivered", "permanent": "failed"}.get(outcome.kind, "failed" if exhausted else "pending")
    with connection.transaction():
        row = connection.execute(
            statement("delivery/record"),
            {
                "delivery_id": claimed.delivery_id,
                "attempt": claimed.attempt,
                "outcome": outcome.kind,
                "status": outcome.status,
                "answer": shortened(outcome.answer),
                "retry_after": outcome.retry_after_s,
                "state": state,
                "next": now + _wait(claimed.attempt, outcome.retry_after_s),
                "now": now,
            },
        ).fetchone()
        if row and row[0] == "failed":
            _raise_failure(connection, claimed, outcome)
    return str(row[0]) if row else "lost"


def _wait(attempt: int, retry_after_s: float | None) -> timedelta:
    """Exponential with full jitter, never before the channel allows it."""
    most = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
    return timedelta(seconds=max(random.uniform(most / 2, most), retry_after_s or 0.0))  # noqa: S311  (no secret)


def _raise_failure(connection: Connection, claimed: Claimed, outcome: Outcome) -> None:
    if claimed.kind == "delivery":
        return
    fallback = [str(name) for name in _names(claimed.facts.get("fallback"))]
    others = fallback or [str(name) for name in _names(claimed.facts.get("recipients"))]
    recipients = [name for name in others if name != claimed.recipient]
    rows = connection.execute(statement("delivery/channels"), {"alert_id": claimed.alert_id}).fetchall()
    channels = {str(name): str(channel) for name, channel in rows}
    alert = NewAlert(
        kind="delivery",
        budget_id=claimed.delivery_id,
        scope_value="",
        period_start=_EPOCH,
        period_end=None,
        tier="0",
        level="critical",
        facts={
            "alert": claimed.alert_id,
            "recipient": claimed.recipient,
            "channel": claimed.channel,
            "answer": shortened(outcome.answer),
            "level": "critical",
            "recipients": recipients,
        },
    )
    raise_alert(connection, alert, [(name, channels.get(name, "")) for name in recipients])


def _names(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def deliver_due(
    connection: Connection,
    settings: Settings,
    *,
    by: str,
    clock: Clock = utc_now,
    send: Send | None = None,
) -> DeliverySummary:
    """Delivers everything that is due, each by itself; ``by`` is the run or command that stands in the record."""
    summary = DeliverySummary()
    while batch := claim(connection, by, clock()):
        for claimed in batch:
            outcome = _attempt(settings, claimed, send)
            state = record(connection, claimed, outcome, clock())
            summary.answers.append((claimed.delivery_id, claimed.recipient, outcome.kind, shortened(outcome.answer)))
            summary.delivered += state == "delivered"
            summary.failed += state == "failed"
            summary.retried += state == "pending"
    return summary


def _attempt(settings: Settings, claimed: Claimed, send: Send | None) -> Outcome:
    recipient = settings.recipients.get(claimed.recipient)
    if recipient is None:
        return Outcome("permanent", f"{claimed.recipient!r} is no longer a recipient in the configuration")
    channel = send or CHANNELS.get(recipient.channel)
    if channel is None:
        return Outcome("permanent", f"channel {recipient.channel!r} is not available yet")
    message = Message(
        delivery_id=claimed.delivery_id,
        alert_id=claimed.alert_id,
        kind=claimed.kind,
        level=claimed.level,
        facts=claimed.facts,
        language=recipient.language or settings.language,
    )
    try:
        return _redacted(channel(message, recipient), recipient)
    except MissingSecretError as error:
        return Outcome("retry", str(error))
    except Exception as error:
        return _redacted(Outcome("retry", f"{type(error).__name__}: {error}"), recipient)


def _redacted(outcome: Outcome, recipient: Recipient) -> Outcome:
    text = redact(outcome.answer, _secrets_of(recipient))
    return Outcome(outcome.kind, text, outcome.status, outcome.retry_after_s)


def _secrets_of(recipient: Recipient) -> list[str]:
    found: list[str] = []
    for name, value in recipient.model_dump().items():
        if not name.endswith("_env") or not value:
            continue
        secret = os.environ.get(str(value), "")
        parts = urlsplit(secret)
        found += [secret, parts.query, parts.password or "", *(word for _, word in parse_qsl(parts.query))]
        found += [piece for piece in parts.path.split("/") if len(piece) >= 16]
    return [value for value in found if value]
