"""When a tier's quiet hours end: an alert raised meanwhile is written at once and sent then."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from usage_pipeline.settings.budget import QuietHours


def end_of_quiet(quiet: QuietHours, zone: str, now: datetime) -> datetime | None:
    """The end of the quiet hours that ``now`` (aware) lies in, in UTC; None when it lies in none."""
    local = now.astimezone(ZoneInfo(zone))
    begin, end = time.fromisoformat(quiet.from_time), time.fromisoformat(quiet.to)
    over_midnight = begin > end
    at = local.time()
    if not (at >= begin or at < end if over_midnight else begin <= at < end):
        return None
    day = local.date() + timedelta(days=1 if over_midnight and at >= begin else 0)
    return datetime.combine(day, end, ZoneInfo(zone)).astimezone(UTC)
