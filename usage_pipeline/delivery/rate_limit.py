"""How many messages a robot may be sent in what time, counted for all workers together in the warehouse."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from usage_pipeline.delivery.attempt import LONGEST_S
from usage_pipeline.delivery.channels.base import Channel
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement

_LONGEST_PAUSE = timedelta(minutes=15)
# Of so many messages one is kept for emergencies: a flood of warnings must not use up the minute in which one comes.
_ONE_KEPT_OF = 5


def acquire(
    connection: Connection, channel: Channel, keys: Sequence[str], message: tuple[str, int], urgent: bool, now: datetime
) -> datetime | None:
    """Counts the message (id, attempt) against the rates of every key; returns None, else when all take one again.

    Runs inside the claim's transaction: workers at once wait for each other here, for as long as a claim takes.
    """
    if not channel.rates:
        return None
    # Counted from when the attempt must have ended: what the other side sees lies before that.
    latest = now + timedelta(seconds=LONGEST_S)
    waits: list[datetime] = []
    for key in sorted(keys):
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [key])
        connection.execute(
            statement("delivery/tidy_rate_limit"),
            {
                "rate_key": key,
                "now": now,
                "latest": latest,
                "longest": max(rate.per for rate in channel.rates),
                "longest_pause": max(channel.mute, _LONGEST_PAUSE),
            },
        )
        for rate in channel.rates:
            kept = 0 if urgent else rate.limit // _ONE_KEPT_OF
            parameters = {"rate_key": key, "now": now, "per": rate.per, "limit": rate.limit - kept}
            free_at = value_or_none(connection, datetime, statement("delivery/free_at"), parameters)
            if free_at is not None and free_at > now:
                waits.append(free_at)
    if waits:
        return max(waits)
    for key in sorted(keys):
        connection.execute(
            statement("delivery/acquire"),
            {"rate_key": key, "message_id": message[0], "attempt": message[1], "latest": latest},
        )
    return None


def end_attempt(
    connection: Connection,
    channel: Channel | None,
    keys: Sequence[str],
    message: tuple[str, int],
    now: datetime,
    asked_s: float | None,
) -> None:
    """Records when the attempt ended; a robot that asks for a wait gets it for everything that would be sent to it."""
    if channel is None or not channel.rates or not keys:
        return
    connection.execute(statement("delivery/end_attempt"), {"message_id": message[0], "attempt": message[1], "now": now})
    if asked_s:
        longest = max(channel.mute, _LONGEST_PAUSE)
        until = now + min(timedelta(seconds=asked_s), longest)
        connection.execute(statement("delivery/pause"), {"keys": list(keys), "until": until})
