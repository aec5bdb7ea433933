"""Claims what is due: forms the message that carries it, takes the robot's turn and leases it, in one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from usage_pipeline.alerts.kinds.registry import kind_of, kinds_that
from usage_pipeline.delivery.channels.base import Channel
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.rate_limit import take_turn
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

LEASE = timedelta(seconds=60)
MOST_ALERTS = 20
_MOST_IN_A_DIGEST = 200
# A living worker holds its message by its session too, so that no step of a clock lets another send it meanwhile.
# After this long its session is a corpse that the server has not noticed.
_SURELY_DEAD = timedelta(hours=3)


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
    event: str = "trigger"


@dataclass(frozen=True)
class Parcel:
    """What goes out in one message: its id, the same at each attempt, and its deliveries, the most severe first."""

    message_id: str
    members: tuple[Claimed, ...]
    keys: tuple[str, ...] = ()

    @property
    def leader(self) -> Claimed:
        """The delivery that stands for all: they share recipient, event and attempt."""
        return self.members[0]


@dataclass
class Round:
    """What a round has behind it: messages that are not to be tried again, and recipients without a turn."""

    tried: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Leader:
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
    """Leases due deliveries to us, each alone and without a look at turns; emergencies first.

    Two claims at once never get the same delivery. A lease that ran out is taken over, its attempt marked unknown.
    """
    found: list[Claimed] = []
    behind = Round(tried=list(skip))
    while len(found) < limit:
        parcel = claim_message(connection, None, by, now, behind, lease)
        if parcel is None:
            break
        found += parcel.members
    return found


def claim_message(
    connection: Connection,
    settings: Settings | None,
    by: str,
    now: datetime,
    behind: Round,
    lease: timedelta = LEASE,
) -> Parcel | None:
    """The next message that is due and whose robot has a turn; None when there is none. Notes what it passed over."""
    while True:
        with connection.transaction():
            leader = _leader(connection, now, behind)
            if leader is None:
                return None
            parcel = _leased(connection, settings, leader, by, now, behind, lease)
        if parcel is not None:
            return parcel


def _leader(connection: Connection, now: datetime, behind: Round) -> _Leader | None:
    row = connection.execute(
        statement("delivery/leader"), {"now": now, "skip": behind.tried, "blocked": sorted(behind.blocked)}
    ).fetchone()
    if row is None:
        return None
    delivery_id, message_id, recipient, channel, event, kind, urgent, held = row
    return _Leader(
        str(delivery_id),
        None if message_id is None else str(message_id),
        str(recipient),
        str(channel),
        str(event),
        str(kind),
        bool(urgent),
        bool(held),
    )


def _leased(
    connection: Connection,
    settings: Settings | None,
    leader: _Leader,
    by: str,
    now: datetime,
    behind: Round,
    lease: timedelta,
) -> Parcel | None:
    channel, keys = _robot(settings, leader)
    members = [] if leader.message_id else _companions(connection, leader, channel, now, behind)
    message_id = leader.message_id or _message_id(members)
    if not _hold(connection, message_id, now):
        behind.tried.append(message_id)
        return None
    if leader.message_id:
        rows = connection.execute(statement("delivery/members"), {"message_id": message_id}).fetchall()
        members = [str(name) for (name,) in rows]
    number = connection.execute(
        "SELECT max(attempts) + 1 FROM usage.delivery WHERE delivery_id = ANY (%s)", [members]
    ).fetchone()
    attempt = int(str(number[0])) if number else 1
    if channel is not None:
        free_at = take_turn(connection, channel, keys, (message_id, attempt), leader.urgent, now)
        if free_at is not None:
            _wait_for_turn(connection, leader, now, free_at, behind)
            release(connection, message_id)
            return None
    rows = connection.execute(
        statement("delivery/lease"),
        {"members": members, "message_id": message_id, "now": now, "by": by, "until": now + lease},
    ).fetchall()
    return Parcel(message_id, tuple(_claimed(row) for row in rows), keys)


def _robot(settings: Settings | None, leader: _Leader) -> tuple[Channel | None, tuple[str, ...]]:
    """The channel and what its rates count; nothing where the recipient has left the configuration."""
    recipient = settings.recipients.get(leader.recipient) if settings else None
    channel = CHANNELS.get(recipient.channel) if recipient else None
    if recipient is None or channel is None:
        return None, ()
    return channel, channel.rate_keys(recipient)


def _companions(
    connection: Connection, leader: _Leader, channel: Channel | None, now: datetime, behind: Round
) -> list[str]:
    if channel is None or not channel.grouped or not kind_of(leader.kind).grouped:
        return [leader.delivery_id]
    rows = connection.execute(
        statement("delivery/companions"),
        {
            "leader": leader.delivery_id,
            "recipient": leader.recipient,
            "channel": leader.channel,
            "event": leader.event,
            "urgent": leader.urgent,
            "now": now,
            "alone": kinds_that(lambda kind: not kind.grouped),
            "most": _MOST_IN_A_DIGEST if leader.held else MOST_ALERTS,
        },
    ).fetchall()
    names = [str(name) for (name,) in rows if str(name) not in behind.tried]
    return names or [leader.delivery_id]


def _message_id(members: Sequence[str]) -> str:
    """A delivery alone goes by its own id; several by one that is made of all of theirs."""
    if len(members) == 1:
        return members[0]
    return "G" + hashlib.sha256("|".join(sorted(members)).encode()).hexdigest()[:23]


def _hold(connection: Connection, message_id: str, now: datetime) -> bool:
    """Whether no living worker holds the message; it is then held by our session until ``release``."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 11))", [message_id]).fetchone()
    if row and row[0]:
        return True
    dead = connection.execute(
        "SELECT 1 FROM usage.delivery WHERE message_id = %s AND state = 'sending' AND leased_until < %s LIMIT 1",
        [message_id, now - _SURELY_DEAD],
    ).fetchone()
    return dead is not None


def release(connection: Connection, message_id: str) -> None:
    """Lets go of the message; what the session does not hold is left alone."""
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 11))", [message_id])


def _wait_for_turn(connection: Connection, leader: _Leader, now: datetime, free_at: datetime, behind: Round) -> None:
    behind.blocked.add(leader.recipient + ("!" if leader.urgent else ""))
    connection.execute(
        statement("delivery/wait_for_turn"),
        {"recipient": leader.recipient, "urgent": leader.urgent, "now": now, "until": free_at},
    )


def _claimed(row: tuple[object, ...]) -> Claimed:
    delivery_id, number, alert_id, recipient, channel, kind, level, facts, event = row
    return Claimed(
        delivery_id=str(delivery_id),
        attempt=int(str(number)),
        alert_id=str(alert_id),
        recipient=str(recipient),
        channel=str(channel),
        kind=str(kind),
        level=str(level),
        facts=facts if isinstance(facts, dict) else {},
        event=str(event),
    )
