"""Takes what is due from the outbox, sends it outside any transaction, and records what the channel answered."""

import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

import psycopg

from usage_pipeline.alerts.follow_ups import plan
from usage_pipeline.alerts.kinds.delivery import Unreached, raise_delivery_alert
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.recipient_view import facts_for
from usage_pipeline.alerts.text.texts import deeds_of
from usage_pipeline.delivery.attempt import Send, attempt, secrets_of
from usage_pipeline.delivery.channels.base import Channel, shortened
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.claim import (
    LEASE,
    NOT_ALERTED,
    Claimed,
    NotificationGroup,
    Round,
    claim,
    claim_group,
    release,
)
from usage_pipeline.delivery.rate_limit import end_attempt
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.links import Deed, link
from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import MissingSecretError, redact
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.high_water import mark_sent
from usage_pipeline.warehouse.restored import keep_from_sending, look
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement

_log = logging.getLogger(__name__)
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 900.0
_LONGEST_ASKED_S = 86_400.0
_MAX_ATTEMPTS = 12
_EVENTS: Mapping[str, Literal["trigger", "acknowledge", "resolve"]] = {
    "acknowledge": "acknowledge",
    "resolve": "resolve",
}
_LOST = "lost"


class DeliveryState(StrEnum):
    """The states that an attempt leads to."""

    DELIVERED = "delivered"
    PENDING = "pending"
    FAILED = "failed"


_BY_OUTCOME = {"accepted": DeliveryState.DELIVERED, "permanent": DeliveryState.FAILED}

__all__ = ["LEASE", "Claimed", "DeliverySummary", "claim", "deliver_due", "record"]

Clock = Callable[[], datetime]


@dataclass
class DeliverySummary:
    """What a round of delivery did."""

    messages: int = 0
    delivered: int = 0
    retried: int = 0
    failed: int = 0
    answers: list[tuple[str, str, str, str]] = field(default_factory=list)  # delivery, recipient, outcome, answer
    held: str | None = None  # why nothing was sent


def utc_now() -> datetime:
    """The time; tests bring their own clock."""
    return datetime.now(UTC)


def record(connection: Connection, claimed: Claimed, outcome: Outcome, now: datetime, settings: Settings) -> str:
    """Writes what the channel answered; returns the delivery's state. What fails for good is itself alerted."""
    alone = NotificationGroup(claimed.delivery_id, (claimed,))
    return record_group(connection, alone, outcome, now, settings)


def record_group(
    connection: Connection, group: NotificationGroup, outcome: Outcome, now: datetime, settings: Settings
) -> str:
    """Writes what the channel answered to every delivery of the message, in one transaction; returns their state.

    They have one answer and one time of the next attempt: what went together goes together again.
    """
    first = group.first
    asked = _asked(outcome.retry_after_s)
    following = now + _wait(first.attempt, asked)
    with connection.transaction():
        recorded = [(each, _recorded(connection, each, outcome, asked, following, now)) for each in group.members]
        states = {state for _, state in recorded}
        failed = [each for each, state in recorded if state == DeliveryState.FAILED]
        _raise_failure(connection, failed, outcome, settings, now)
        asks = asked if outcome.kind == "retry" else None
        channel = _channel_of(settings, first)
        end_attempt(connection, channel, group.keys, (group.message_id, first.attempt), now, asks)
    release(connection, group.message_id)
    by_weight = (DeliveryState.FAILED, DeliveryState.PENDING, DeliveryState.DELIVERED)
    return next((state for state in by_weight if state in states), _LOST)


def _recorded(
    connection: Connection,
    claimed: Claimed,
    outcome: Outcome,
    asked: float | None,
    following: datetime,
    now: datetime,
) -> str:
    exhausted = claimed.attempt >= _MAX_ATTEMPTS
    otherwise = DeliveryState.FAILED if exhausted else DeliveryState.PENDING
    parameters = {
        "delivery_id": claimed.delivery_id,
        "attempt": claimed.attempt,
        "outcome": outcome.kind,
        "status": outcome.status,
        "answer": shortened(outcome.answer),
        "retry_after": asked,
        "state": _BY_OUTCOME.get(outcome.kind, otherwise).value,
        "next": following,
        "now": now,
    }
    return value_or_none(connection, str, statement("delivery/record"), parameters) or _LOST


def _channel_of(settings: Settings, claimed: Claimed) -> Channel | None:
    recipient = settings.recipients.get(claimed.recipient)
    return CHANNELS.get(recipient.channel) if recipient else None


def _asked(retry_after_s: float | None) -> float | None:
    """The wait that a channel asks for; a day at most, so that no answer can bury an alert."""
    if retry_after_s is None or math.isnan(retry_after_s):
        return None
    return min(max(retry_after_s, 0.0), _LONGEST_ASKED_S)


def _wait(attempt_number: int, asked_s: float | None) -> timedelta:
    """Exponential with full jitter, never before the channel allows it."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt_number - 1))
    return timedelta(seconds=max(random.uniform(0.0, longest), asked_s or 0.0))  # noqa: S311  (no secret)


def _raise_failure(
    connection: Connection, failed: Sequence[Claimed], outcome: Outcome, settings: Settings, now: datetime
) -> None:
    told = [(each.alert_id, each.facts) for each in failed if each.kind not in NOT_ALERTED]
    if not told:
        return
    first = failed[0]
    unreached = Unreached(first.recipient, first.channel, told, shortened(outcome.answer), NOT_ALERTED)
    raise_delivery_alert(connection, unreached, _channels(settings), settings.timezone, now)


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
    config_version: int | None = None,
    for_s: float | None = None,
) -> DeliverySummary:
    """Delivers what is due and whose robot takes a message now, each message once a round; ``by`` stands in the record.

    At most ``limit`` messages, and none begun after ``for_s`` seconds. One at a time: a lease then covers one attempt,
    which is bounded to end before it, and never waits in a queue. A restored warehouse
    sends none before somebody has accepted it.
    """
    summary = DeliverySummary()
    restored = look(connection)
    if restored is not None:
        return DeliverySummary(held=str(restored))
    act_as(connection, by, config_version)
    keep_from_sending(connection)
    broken = _planned(connection, settings, clock())
    behind, sent, began = Round(), 0, time.monotonic()
    while (limit is None or sent < limit) and (for_s is None or time.monotonic() - began < for_s):
        group = claim_group(connection, settings, by, clock(), behind)
        if group is None:
            break
        sent += 1
        outcome = _outcome(settings, group, send)
        state = record_group(connection, group, outcome, clock(), settings)
        accepted = state == DeliveryState.DELIVERED
        mark_sent(connection, [claimed.delivery_id for claimed in group.members] if accepted else [])
        if state not in (DeliveryState.DELIVERED, DeliveryState.FAILED):
            behind.tried.append(group.message_id)
        _add(summary, group, outcome, state)
    if broken is not None:
        raise broken
    return summary


def _planned(connection: Connection, settings: Settings, now: datetime) -> psycopg.Error | None:
    """A rule that breaks must not keep alerts from being sent: it is raised once they are."""
    try:
        plan(connection, settings, now)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return error
    return None


def act_as(connection: Connection, by: str, config_version: int | None = None) -> None:
    """Sets for the audit log who works in this session, and by which configuration."""
    connection.execute(
        "SELECT set_config('usage_pipeline.acting', %s, false), set_config('usage_pipeline.config_version', %s, false)",
        [by, "" if config_version is None else str(config_version)],
    )


def _add(summary: DeliverySummary, group: NotificationGroup, outcome: Outcome, state: str) -> None:
    answer, count = shortened(outcome.answer), len(group.members)
    summary.answers += [(each.delivery_id, each.recipient, outcome.kind, answer) for each in group.members]
    summary.messages += 1
    summary.delivered += count * (state == DeliveryState.DELIVERED)
    summary.failed += count * (state == DeliveryState.FAILED)
    summary.retried += count * (state == DeliveryState.PENDING)


def _links(settings: Settings, recipient: str, alert: Alert, event: str) -> list[tuple[str, str]]:
    """The recipient's own links to the web page. Without a key that can be read the message goes without them."""
    try:
        made = [(deed, link(settings, recipient, alert.alert_id, Deed(deed))) for deed in deeds_of(alert, event)]
    except MissingSecretError as error:
        _log.warning("messages go without links: %s", error)
        return []
    return [(deed, url) for deed, url in made if url]


def _outcome(settings: Settings, group: NotificationGroup, send: Send | None) -> Outcome:
    claimed, *others = group.members
    if claimed.attempt > _MAX_ATTEMPTS:
        return Outcome("permanent", f"{_MAX_ATTEMPTS} attempts ended without an answer on record; not sent again")
    recipient = settings.recipients.get(claimed.recipient)
    if recipient is None:
        return Outcome("permanent", f"{claimed.recipient!r} is no longer a recipient in the configuration")
    channel = send or CHANNELS.get(recipient.channel)
    if channel is None:
        return Outcome("permanent", f"channel {recipient.channel!r} is not available yet")
    language = recipient.language or settings.language

    event = _EVENTS.get(claimed.event, "trigger")

    def seen(each: Claimed) -> Alert:
        facts = facts_for(settings, claimed.recipient, each.facts, language)
        alert = Alert(each.alert_id, each.kind, each.level, facts)
        return replace(alert, links=_links(settings, claimed.recipient, alert, event))

    first = seen(claimed)
    message = Message(
        delivery_id=group.message_id,
        alert_id=claimed.alert_id,
        kind=claimed.kind,
        level=claimed.level,
        facts=first.facts,
        language=language,
        others=tuple(seen(each) for each in others),
        links=first.links,
        event=event,
        templates=settings.templates,
        as_text=any(each.card_refused for each in group.members),
    )
    outcome = attempt(message, recipient, channel)
    # A server that several recipients share may say another's secret.
    known = {part for other in settings.recipients.values() for part in secrets_of(other)}
    return replace(outcome, answer=redact(outcome.answer, known))
