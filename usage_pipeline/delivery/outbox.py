"""Takes what is due from the outbox, sends it outside any transaction, and records what the channel answered."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from usage_pipeline.alerts.record import NewAlert, raise_alert
from usage_pipeline.delivery.attempt import Send, attempt
from usage_pipeline.delivery.channel import Message, Outcome, shortened
from usage_pipeline.delivery.registry import CHANNELS
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

LEASE = timedelta(seconds=60)
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 900.0
_LONGEST_ASKED_S = 86_400.0
_MOST_ATTEMPTS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Clock = Callable[[], datetime]


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


def claim(
    connection: Connection,
    by: str,
    now: datetime,
    limit: int = 1,
    lease: timedelta = LEASE,
    skip: Sequence[str] = (),
) -> list[Claimed]:
    """Leases due deliveries to us, emergencies first, each with its attempt on record before anything is sent.

    Two claims at once never get the same delivery. A lease that ran out is taken over, its attempt marked unknown.
    Deliveries in ``skip`` are left alone.
    """
    with connection.transaction():
        cursor = connection.execute(
            statement("delivery/claim"),
            {"now": now, "by": by, "limit": limit, "until": now + lease, "skip": list(skip)},
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
    delivery_id, number, alert_id, recipient, channel, kind, level, facts = row
    return Claimed(
        delivery_id=str(delivery_id),
        attempt=int(str(number)),
        alert_id=str(alert_id),
        recipient=str(recipient),
        channel=str(channel),
        kind=str(kind),
        level=str(level),
        facts=facts if isinstance(facts, dict) else {},
    )


def record(connection: Connection, claimed: Claimed, outcome: Outcome, now: datetime, settings: Settings) -> str:
    """Writes what the channel answered; gives the delivery's state. What fails for good is itself alerted."""
    exhausted = claimed.attempt >= _MOST_ATTEMPTS
    state = {"accepted": "delivered", "permanent": "failed"}.get(outcome.kind, "failed" if exhausted else "pending")
    asked = _asked(outcome.retry_after_s)
    with connection.transaction():
        row = connection.execute(
            statement("delivery/record"),
            {
                "delivery_id": claimed.delivery_id,
                "attempt": claimed.attempt,
                "outcome": outcome.kind,
                "status": outcome.status,
                "answer": shortened(outcome.answer),
                "retry_after": asked,
                "state": state,
                "next": now + _wait(claimed.attempt, asked),
                "now": now,
            },
        ).fetchone()
        if row and row[0] == "failed":
            _raise_failure(connection, claimed, outcome, settings)
    return str(row[0]) if row else "lost"


def _asked(retry_after_s: float | None) -> float | None:
    """The wait that a channel asks for; a day at most, so that no answer can bury an alert."""
    if retry_after_s is None or math.isnan(retry_after_s):
        return None
    return min(max(retry_after_s, 0.0), _LONGEST_ASKED_S)


def _wait(attempt_number: int, asked_s: float | None) -> timedelta:
    """Exponential with full jitter, never before the channel allows it."""
    most = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt_number - 1))
    return timedelta(seconds=max(random.uniform(0.0, most), asked_s or 0.0))  # noqa: S311  (no secret)


def _raise_failure(connection: Connection, claimed: Claimed, outcome: Outcome, settings: Settings) -> None:
    # Nobody is told that a test failed: whoever made it sees the answer.
    if claimed.kind in ("delivery", "test"):
        return
    recipients = _told_instead(claimed, _channels(settings))
    known = {key: claimed.facts[key] for key in ("budget_name", "scope_name") if claimed.facts.get(key)}
    alert = NewAlert(
        kind="delivery",
        budget_id=claimed.delivery_id,
        scope_value="",
        period_start=_EPOCH,
        period_end=None,
        tier="0",
        level="critical",
        facts={
            **known,
            "alert": claimed.alert_id,
            "recipient": claimed.recipient,
            "channel": claimed.channel,
            "answer": shortened(outcome.answer),
            "level": "critical",
            "recipients": [name for name, _ in recipients],
        },
    )
    raise_alert(connection, alert, recipients)


def _told_instead(claimed: Claimed, channels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The fallback of the failed alert, else its other recipients; only those that a channel can reach."""
    for key in ("fallback", "recipients"):
        listed = claimed.facts.get(key)
        names = [str(name) for name in listed] if isinstance(listed, list) else []
        found = [(name, channels[name]) for name in names if name != claimed.recipient and name in channels]
        if found:
            return found
    return []


def _channels(settings: Settings) -> dict[str, str]:
    return {name: r.channel for name, r in settings.recipients.items() if r.channel in CHANNELS}


def deliver_due(
    connection: Connection,
    settings: Settings,
    *,
    by: str,
    clock: Clock = utc_now,
    limit: int | None = None,
    send: Send | None = None,
) -> DeliverySummary:
    """Delivers everything that is due, each by itself and once a round; ``by`` stands in the record.

    One at a time: a lease then covers one attempt, which is bounded to end before it, and never waits in a queue.
    """
    summary = DeliverySummary()
    tried: list[str] = []
    while limit is None or len(tried) < limit:
        batch = claim(connection, by, clock(), skip=tried)
        if not batch:
            break
        claimed = batch[0]
        tried.append(claimed.delivery_id)
        outcome = _outcome(settings, claimed, send)
        state = record(connection, claimed, outcome, clock(), settings)
        summary.answers.append((claimed.delivery_id, claimed.recipient, outcome.kind, shortened(outcome.answer)))
        summary.delivered += state == "delivered"
        summary.failed += state == "failed"
        summary.retried += state == "pending"
    return summary


def _outcome(settings: Settings, claimed: Claimed, send: Send | None) -> Outcome:
    if claimed.attempt > _MOST_ATTEMPTS:
        return Outcome("permanent", f"{_MOST_ATTEMPTS} attempts ended without an answer on record; not sent again")
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
        templates=settings.templates,
    )
    return attempt(message, recipient, channel)
