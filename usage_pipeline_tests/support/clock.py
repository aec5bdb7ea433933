"""A time zone in which it is noon now: a test's day does not end under it, nor has it hardly begun."""

from datetime import UTC, datetime


def zone_where_it_is_noon(now: datetime) -> str:
    """The IANA name of a zone in which the hour from 12:00 has begun; ``now`` is aware."""
    ahead = 12 - now.astimezone(UTC).hour
    # The names of these zones have the sign of POSIX: Etc/GMT-8 is eight hours ahead of UTC.
    return "UTC" if ahead == 0 else f"Etc/GMT{-ahead:+d}"


NOON_ZONE = zone_where_it_is_noon(datetime.now(UTC))
