"""Claims what is due: forms the message that carries it, keeps to the robot's rates, leases it; in one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from usage_pipeline.alerts.kinds.registry import kind_of, kinds_that
from usage_pipeline.delivery.channels.base import Channel
from usage_pipeline.delivery.channels.card_channel import CARD_REFUSED
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.rate_limit import acquire
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value, values
from usage_pipeline.warehouse.statements import statement

LEASE = timedelta(seconds=60)
# Kinds of alerts whose failure is no news of a recipient.
NOT_ALERTED = kinds_that(lambda kind: not kind.failure_is_alerted)
MAX_ALERTS = 20
_MAX_IN_A_DIGEST = 200
# A living worker holds its message by its session too, so that no step of a clock lets another send it meanwhile.
# After this long its session is a corpse that the server has not noticed.
_SURELY_DEAD = timedelta(hours=3)


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours until its lease ends; ``card_refused`` once its channel did not understand its card."""

    delivery_id: str
    attempt: int
    alert_id: str
    recipient: str
    channel: str
    kind: str
    level: str
    facts: Mapping[str, object]
    event: str = "trigger"
    card_refused: bool = False


@dataclass(frozen=True)
class NotificationGroup:
    """What goes out in one message: its id, the same at each attempt, and its deliveries, the most severe first.

    They share recipient, event and attempt. ``keys`` are what the channel's rates count.
    """

    message_id: str
    members: tuple[Claimed, ...]
    keys: tuple[str, ...] = ()

    @property
    def first(self) -> Claimed:
        """The most severe of them."""
        return self.members[0]


@dataclass
class Round:
    """What a round has behind it: messages that are not to be tried again, and recipients whose rate is used up."""

    tried: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _First:
    """The delivery that is due and comes first; ``message_id`` is of the message that carried it before."""

    delivery_id: str
    message_id: str | None
    recipient: str
    channel: str
    event: str
    kind: str
    urgent: bool
    held: bool


def claim(
    connection: Connection,
    by: str,
    now: datetime,
    limit: int = 1,
    lease: timedelta = LEASE,
    skip: Sequence[str] = (),
) -> list[Claimed]:
    """Leases due deliveries to us, each alone and without a look at rates; emergencies first.

    Two claims at once never get the same delivery. A lease that ran out is taken over, its attempt marked unknown.
    """
    found: list[Claimed] = []
    behind = Round(tried=list(skip))
    while len(found) < limit:
        group = claim_group(connection, None, by, now, behind, lease)
        if group is None:
            break
        found += group.members
    return found


def claim_group(
    connection: Connection,
    settings: Settings | None,
    by: str,
    now: datetime,
    behind: Round,
    lease: timedelta = LEASE,
) -> NotificationGroup | None:
    """Returns the next message that is due and whose robot takes one now; None when there is none.

    What was passed over is noted in ``behind``.
    """
    while True:
        with connection.transaction():
            parameters = {"now": now, "skip": behind.tried, "blocked": sorted(behind.blocked)}
            first = row(connection, _First, statement("delivery/first"), parameters)
            if first is None:
                return None
            group = _leased(connection, settings, first, by, now, behind, lease)
        if group is not None:
            return group


def _leased(
    connection: Connection,
    settings: Settings | None,
    first: _First,
    by: str,
    now: datetime,
    behind: Round,
    lease: timedelta,
) -> NotificationGroup | None:
    channel, keys = _robot(settings, first)
    members = [] if first.message_id else _new_group(connection, first, channel, now, behind)
    message_id = first.message_id or _message_id(members)
    if not _hold(connection, message_id, now):
        behind.tried.append(message_id)
        return None
    if first.message_id:
        members = values(connection, str, statement("delivery/members"), {"message_id": message_id})
    attempt = value(
        connection, int, "SELECT max(attempts) + 1 FROM usage.delivery WHERE delivery_id = ANY (%s)", [members]
    )
    if channel is not None:
        free_at = acquire(connection, channel, keys, (message_id, attempt), first.urgent, now)
        if free_at is not None:
            _wait_for_rate_limit(connection, first, now, free_at, behind)
            release(connection, message_id)
            return None
    parameters = {
        "members": members,
        "message_id": message_id,
        "now": now,
        "by": by,
        "until": now + lease,
        "card_refused": CARD_REFUSED,
        "not_alerted": NOT_ALERTED,
    }
    leased = rows(connection, Claimed, statement("delivery/lease"), parameters)
    return NotificationGroup(message_id, tuple(leased), keys)


def _robot(settings: Settings | None, first: _First) -> tuple[Channel | None, tuple[str, ...]]:
    """The channel and what its rates count; nothing where the recipient has left the configuration."""
    recipient = settings.recipients.get(first.recipient) if settings else None
    channel = CHANNELS.get(recipient.channel) if recipient else None
    if recipient is None or channel is None:
        return None, ()
    return channel, channel.rate_keys(recipient)


def _new_group(
    connection: Connection, first: _First, channel: Channel | None, now: datetime, behind: Round
) -> list[str]:
    if channel is None or not channel.grouped or not kind_of(first.kind).grouped:
        return [first.delivery_id]
    parameters = {
        "first": first.delivery_id,
        "recipient": first.recipient,
        "channel": first.channel,
        "event": first.event,
        "urgent": first.urgent,
        "now": now,
        "alone": kinds_that(lambda kind: not kind.grouped),
        "limit": _MAX_IN_A_DIGEST if first.held else MAX_ALERTS,
    }
    found = values(connection, str, statement("delivery/group"), parameters)
    return [name for name in found if name not in behind.tried] or [first.delivery_id]


def _message_id(members: Sequence[str]) -> str:
    """A delivery alone goes by its own id; several by one that is made of all of theirs."""
    if len(members) == 1:
        return members[0]
    return "G" + hashlib.sha256("|".join(sorted(members)).encode()).hexdigest()[:23]


def _hold(connection: Connection, message_id: str, now: datetime) -> bool:
    """Whether no living worker holds the message; it is then held by our session until ``release``."""
    if value(connection, bool, "SELECT pg_try_advisory_lock(hashtextextended(%s, 11))", [message_id]):
        return True
    parameters = {"message_id": message_id, "before": now - _SURELY_DEAD}
    return value(connection, bool, statement("delivery/holder_is_dead"), parameters)


def release(connection: Connection, message_id: str) -> None:
    """Lets go of the message; what the session does not hold is left alone."""
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 11))", [message_id])


def _wait_for_rate_limit(
    connection: Connection, first: _First, now: datetime, free_at: datetime, behind: Round
) -> None:
    behind.blocked.add(first.recipient + ("!" if first.urgent else ""))
    connection.execute(
        statement("delivery/wait_for_rate_limit"),
        {"recipient": first.recipient, "urgent": first.urgent, "now": now, "until": free_at},
    )
