"""The zone in which a MySQL server fills times by itself: found by asking what its clock shows, or as configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_mysql.connection import MysqlReader
from usage_pipeline.warehouse.statements import statement

# No zone has moved its clocks by more, nor twice in so short a time.
_LONGEST_CHANGE = timedelta(hours=3)
# Clocks change at a whole quarter of an hour.
_CHANGES_EVERY = timedelta(minutes=15)


@dataclass(frozen=True)
class _Clock:
    """What the server's clock shows at a moment, in seconds since 1970."""

    moment: int
    shown: datetime | None


class ServerZone:
    """Turns the server's local times into UTC and back."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __str__(self) -> str:
        return str(self._zone)

    def to_utc(self, local: datetime) -> datetime:
        """The moment that a local time means. In the hour that a zone repeats it may mean two: then the first."""
        return local.replace(tzinfo=self._zone).astimezone(UTC)

    def first(self, moment: datetime) -> datetime:
        """Returns the smallest local time that is read as the moment or a later one (`to_utc`): rows are cut there."""
        local = self._local(moment, self._offset(moment))
        while self.to_utc(local) < moment:
            # An hour that comes twice is read as its first time: nothing is read as its second.
            local = local.replace(second=0, microsecond=0) + timedelta(minutes=1)
        return local

    def offsets(self, since: datetime, until: datetime) -> list[tuple[datetime, timedelta]]:
        """Returns by how much local times are ahead of UTC, and from which local time on, from one to the other."""
        found = [(since, self._ahead(since))]
        local = datetime(since.year, since.month, since.day)  # noqa: DTZ001  (a local time)
        while (local := local + _CHANGES_EVERY) < until:
            if local > since and self._ahead(local) != found[-1][1]:
                found.append((local, self._ahead(local)))
        return found

    def _ahead(self, local: datetime) -> timedelta:
        return local - self.to_utc(local).replace(tzinfo=None)

    def earliest(self, moment: datetime) -> datetime:
        """Returns the smallest local time that the server's clock shows at the moment or later."""
        # A clock set back soon after it will show smaller times once more.
        return self._local(moment, min(self._offset(moment), self._offset(moment + _LONGEST_CHANGE)))

    def latest(self, moment: datetime) -> datetime:
        """Returns a local time that the server's clock has not reached before the moment, whatever it was set to."""
        return self._local(moment, max(self._offset(moment), self._offset(moment - _LONGEST_CHANGE)))

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta(0)

    @staticmethod
    def _local(moment: datetime, offset: timedelta) -> datetime:
        return moment.astimezone(UTC).replace(tzinfo=None) + offset


def server_zone(reader: MysqlReader, configured: str | None) -> ServerZone:
    """Returns the zone of times that the server makes: as configured, else as the server's own clock shows it.

    Raises SourceError when the clock follows no zone that is known.
    """
    if configured:
        return ServerZone(ZoneInfo(configured))
    seen = [
        (datetime.fromtimestamp(clock.moment, UTC), clock.shown)
        for clock in reader.rows(_Clock, statement("sources/dify_mysql/zone"))
        if clock.shown is not None
    ]
    return ServerZone(zone_shown(seen, reader.value(str, "SELECT @@session.time_zone")))


def zone_shown(seen: Sequence[tuple[datetime, datetime]], name: str) -> tzinfo:
    """The zone of a clock that showed these local times at these moments; ``name`` is what the server calls it."""
    offsets = [shown - moment.replace(tzinfo=None) for moment, shown in seen]
    if len(set(offsets)) == 1:
        return UTC if offsets[0] == timedelta(0) else timezone(offsets[0])
    moments = [moment for moment, _ in seen]
    known = available_timezones()
    # SYSTEM, or an abbreviation such as CET, does not say by which rule clocks change: the clock itself does.
    for candidate in [name] if name in known else sorted(known, key=lambda zone: ("/" not in zone, zone)):
        zone = ZoneInfo(candidate)
        if all(moment.astimezone(zone).utcoffset() == offset for moment, offset in zip(moments, offsets, strict=True)):
            return zone
    raise SourceError(
        f"the zone of Dify's database server ({name}) cannot be told: name it in the configuration, "
        "`database_timezone: Europe/Berlin` on the source"
    )
